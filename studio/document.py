"""What a visitor has made: the open portrait's name and the edit on it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pipelines.motion.edit import Edit


@dataclass(frozen=True)
class Document:
    """The newest state of one visitor's work; the page keeps the steps between."""

    name: str = ""
    """Shown to the visitor; never a file name."""
    example: str | None = None
    """Key of the example portrait, None for an own photo."""
    edit: Edit = field(default_factory=Edit)

    def with_edit(self, edit: Edit) -> Document:
        return replace(self, edit=edit)

    def with_portrait(self, name: str, *, example: str | None = None) -> Document:
        """The same values on another face; a painted mask belongs to the old face and goes with it."""
        return Document(name=name, example=example, edit=self.edit.with_mask(None))

    def file_name(self, what: str, *, suffix: str) -> str:
        """Name of a download, made of our own words only, such as "ditto-mona_lisa-face.png"."""
        return f"ditto-{self.example or 'portrait'}-{what}{suffix}"
