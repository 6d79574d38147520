"""The one exception whose text is written for the visitor."""

from __future__ import annotations


class StudioError(ValueError):
    """Bad input, said in one sentence: the name, the rule, the value got, what to do.

    The page shows the text as one toast; the command line prints it to stderr and exits with status 2.
    Raise it before any work is done; put private data (paths) last.
    """
