"""The networks of LivePortrait and Ditto in plain torch.

State-dict keys, shapes and order equal the official files; the arithmetic is pinned by the parity oracle.
Every network comes in a small `debug` size behind the same constructor, for tests without weights.
"""
