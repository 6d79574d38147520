"""The named endpoint `/edit`: a photo and an edit in, the picture file out."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from pipelines.files import write_atomic
from pipelines.motion.edit import FORMAT, Edit
from studio.events import sentence
from studio.export import MAX_EDIT_FILE_BYTES, PictureOrder, export_picture
from studio.panels.photo_input import photo_input
from studio.services import Services


def read_edit_value(value: object) -> Edit:
    """An edit from what a caller sends: an edit file's content, or {control: value}, as an object or as text.

    Raises:
        StudioError: neither, another version, an unknown control or a value out of range.
    """
    if value is None or value == "":
        return Edit()
    if isinstance(value, str):
        if len(value) > MAX_EDIT_FILE_BYTES:
            raise StudioError(f"`edit` should have at most {MAX_EDIT_FILE_BYTES} characters but has {len(value)}.")
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise StudioError("`edit` should be JSON but is not; send an edit file or {control: value}.") from error
    if not isinstance(value, dict):
        raise StudioError(f"`edit` should be an object but is {type(value).__name__}; send {{control: value}}.")
    if value.get("format") == FORMAT:
        return Edit.from_json(json.dumps(value))
    return Edit.of(value)


def build_api(services: Services) -> None:
    """Offer `/edit` to API clients; nothing of it shows on the page."""
    with gr.Column(visible=False):
        photo = photo_input(label="photo")
        edit = gr.JSON(label="edit")
        area = gr.Textbox("photo", label="area")
        size = gr.Number(None, label="size", precision=0)
        format = gr.Textbox("png", label="format")
        face = gr.Number(0, label="face", precision=0)
        background = gr.Textbox("keep", label="background")
        picture = gr.File(label="picture")
        call = gr.Button("edit")

    def edit_photo(
        photo: str | None,
        edit: Any = None,
        area: str = "photo",
        size: float | None = None,
        format: str = "png",
        face: float = 0,
        background: str = "keep",
    ) -> str:
        """Edit the face of a photo.

        Args:
            photo: the picture file.
            edit: an edit file's content or {control: value}; `python -m pipelines controls` lists the controls.
            area: "photo" pastes the face back into the full photo, "crop" gives the face alone.
            size: side of the rendered face in pixels; left out, as many as it has in the photo.
            format: "png", "jpg" or "webp".
            face: which face, 0 is the largest.
            background: "keep", or "none" for the person alone on a transparent PNG or WebP.
        """
        try:
            order = PictureOrder.of(area=area, format=format, size=size, background=background)
            return _edit_photo(services, photo, order, edit, int(face))
        except Exception as error:
            # Gradio would show a client the error's own words
            raise gr.Error(sentence(error), print_exception=False) from error

    call.click(
        edit_photo,
        [photo, edit, area, size, format, face, background],
        picture,
        api_name="edit",
        concurrency_limit=1,
        concurrency_id="export",
    )


def _edit_photo(services: Services, photo: str | None, order: PictureOrder, edit: object, face: int) -> str:
    if photo is None:
        raise StudioError("`photo` should be a picture file but is missing; send one.")
    checked = read_edit_value(edit)
    try:
        portrait = services.read_photo(photo, face_index=face)
    finally:
        with contextlib.suppress(OSError):
            Path(photo).unlink()
    data = export_picture(portrait, checked, order, renderer=services.renderer)
    return str(write_atomic(services.outbox.folder() / f"edited.{order.format}", data))
