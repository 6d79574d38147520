"""Sentences that more than one place says."""

from __future__ import annotations

GENERIC = "Something went wrong on the server; the work is untouched, and the log says why."
NO_PORTRAIT = "No portrait is open; choose a photo or an example in the Portrait panel."
NOTHING_PLAYS = "Nothing plays yet; make a clip in the Speech or Drive panel or add a layer with keys first."
