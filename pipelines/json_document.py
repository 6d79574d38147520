"""Text files of our own: one JSON object that names its format and version."""

from __future__ import annotations

import json
from typing import Any

from pipelines.errors import StudioError


def read_document(text: str | bytes, *, name: str, format: str, version: int) -> dict[str, Any]:
    """The object of such a text; its further entries are still to be judged.

    Args:
        name: what the file is called in the sentence of an error, such as "edit".
        format: the value that `format` must have.
        version: the one that is read.

    Raises:
        StudioError: not JSON, not an object, another format or another version.
    """
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StudioError(
            f"The {name} file should be JSON but is not ({type(error).__name__}); save it again."
        ) from error
    if not isinstance(document, dict) or document.get("format") != format:
        raise StudioError(f'The {name} file should have "format": "{format}" but has not; choose one that has.')
    found = document.get("version")
    if type(found) is not int or found != version:
        raise StudioError(
            f"`version` of the {name} file should be {version} but is {str(found)[:20]!r}; save it again."
        )
    return document
