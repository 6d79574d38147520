"""Released weights: which files exist, where they lie, whether they are what they should be.

Nothing here is needed to use the studio: without any file the mesh renderer draws. `loading` turns files into
networks; it is not imported here because it needs torch.
"""

from __future__ import annotations

from pipelines.checkpoints.commands import add_commands
from pipelines.checkpoints.pickles import read_pickle
from pipelines.checkpoints.registry import FILES, SETS, CheckpointFile, lookup
from pipelines.checkpoints.store import (
    Status,
    convert,
    default_folder,
    fetch,
    missing_for_rendering,
    said_size,
    status_of,
    verify,
)

__all__ = [
    "FILES",
    "SETS",
    "CheckpointFile",
    "Status",
    "add_commands",
    "convert",
    "default_folder",
    "fetch",
    "lookup",
    "missing_for_rendering",
    "read_pickle",
    "said_size",
    "status_of",
    "verify",
]
