"""Scripts and styles of the page as one piece for the document's head."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def page_head() -> str:
    """Styles, then scripts, in the order of manifest.json: each file may use those before it.

    They come through the head because parts mount in no promised order and need the scripts when they do.
    """
    manifest = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
    styles = "\n".join(_read(name) for name in manifest["css"])
    scripts = "\n".join(_read(name) for name in manifest["js"])
    return f"<style>{styles}</style><script>{scripts}</script>"


def _read(name: str) -> str:
    text = (FOLDER / name).read_text("utf-8")
    if "</script" in text or "</style" in text:
        raise ValueError(f"{name} should not hold a closing tag: it would end the page's head.")
    return text
