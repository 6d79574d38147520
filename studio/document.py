"""The visitor's work as the page sees it, and the names of its files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from pipelines.project import Document
from pipelines.project_render import duration_s

if TYPE_CHECKING:
    from studio.session import Session


def file_name(document: Document, what: str, *, suffix: str) -> str:
    """Name of a download, made of our own words only, such as "ditto-mona_lisa-face.png"."""
    return f"ditto-{document.portrait.example or 'portrait'}-{what}{suffix}"


def document_state(session: Session) -> dict[str, Any]:
    """JSON values of the work at hand and of the steps that led to it; times in seconds, values in slot units."""
    with session.lock:
        history, revision = session.history, session.revision
    document = history.document
    clip = session.clips.of(document)
    mask = document.edit.mask
    return {
        "revision": revision,
        "edit": document.edit.values(),
        "mask": mask is not None,
        "mask_key": None if mask is None else hashlib.sha256(mask).hexdigest()[:16],
        "clip": None if clip is None else clip.record(),
        "duration_s": duration_s(document),
        "fps": document.track.fps,
        "layers": [layer.to_dict() for layer in document.layers],
        "playhead": vars(document.playhead),
        "apart": document.apart,
        "history": {"labels": history.labels, "position": history.position},
        "name": document.portrait.name,
        "saved_at": session.saved_at,
    }
