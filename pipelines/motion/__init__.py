"""The motion space: 63 expression dims, head pose, and the one algebra that edits them."""
