"""Export panel: the picture, the edit file and the atlas figure."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gradio as gr

from studio.events import Wiring
from studio.export import SIZES, PictureOrder, read_edit_file, write_atlas, write_edit, write_picture
from studio.page import stage_value
from studio.panels.neural import build_neural_section
from studio.services import Services
from studio.session import Session
from studio.stage.part import ALL_TOLD, heading

AREA_CHOICES = [("Full photo", "photo"), ("Face crop", "crop")]
FORMAT_CHOICES = [("PNG", "png"), ("JPEG", "jpg"), ("WebP", "webp")]
AS_IN_PHOTO = 0
SIZE_CHOICES = [("As in the photo", AS_IN_PHOTO), *((f"{size} px", size) for size in SIZES)]


def build_export_panel(wiring: Wiring) -> None:
    """Mount the native part of the panel."""
    with gr.Column(elem_classes=["st-native", "for-export"], elem_id="st-picture"):
        heading("Picture", "rendered from the photo's own pixels")
        area = gr.Radio(AREA_CHOICES, value="photo", label="Area", elem_id="st-area")
        size = gr.Radio(SIZE_CHOICES, value=AS_IN_PHOTO, label="Size", visible=False, elem_id="st-size")
        format = gr.Radio(FORMAT_CHOICES, value="png", label="Format", elem_id="st-format")
        clear = gr.Checkbox(False, label="Transparent background", info="the person alone", elem_id="st-transparent")
        export = gr.Button("Export picture", variant="primary", elem_id="st-export-picture")
    with gr.Column(elem_classes=["st-native", "for-export"], elem_id="st-edit-file"):
        heading("Edit file", "values and painted mask, without the photo")
        with gr.Row():
            load_edit = gr.UploadButton("Open edit file", file_types=[".json"], size="md", elem_id="st-open-edit")
            save_edit = gr.Button("Save edit file", size="md", elem_id="st-save-edit")
    with gr.Column(elem_classes=["st-native", "for-export"], elem_id="st-atlas-place"):
        heading("Every dimension", "each of the 63 at both ends, and where it acts")
        draw_atlas = gr.Button("Draw on this portrait", size="md", elem_id="st-draw-atlas")
        sheet = gr.Image(
            label="Every dimension",
            type="filepath",
            format="png",
            interactive=False,
            show_label=False,
            visible=False,
            buttons=["download", "fullscreen"],
            elem_id="st-atlas",
        )
    build_neural_section(wiring, [area, format, size])
    format.input(_offer_transparency, [format, clear], clear, api_visibility="private", queue=False)
    area.input(lambda chosen: gr.update(visible=chosen == "crop"), area, size, api_visibility="private", queue=False)
    # a button cannot both make a file and hand it over, so a hidden one does the second half
    download = gr.DownloadButton("Download", visible="hidden", elem_id="st-download")
    _listen_files(
        wiring, export=(export, [area, format, size, clear]), save=save_edit, load=load_edit, download=download
    )
    _listen_atlas(wiring, draw_atlas, sheet)


def _listen_files(
    wiring: Wiring,
    *,
    export: tuple[gr.Button, list[Any]],
    save: gr.Button,
    load: gr.UploadButton,
    download: gr.DownloadButton,
) -> None:
    services = wiring.services
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    heavy: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "export"}

    def picture(session: Session, area: str, format: str, size: int, clear: bool) -> tuple[Any, str]:
        background = "none" if clear else "keep"
        order = PictureOrder.of(area=area, format=format, size=size or None, background=background)
        return gr.skip(), str(write_picture(session, order, renderer=services.renderer))

    def edit_file(session: Session) -> tuple[Any, str]:
        return gr.skip(), str(write_edit(session))

    button, choices = export
    outputs = [wiring.stage, download]
    chosen = [wiring.token, *choices]
    made = [
        button.click(wiring.guarded(picture, failed=(None,)), chosen, outputs, js=ALL_TOLD, **heavy, **quiet),
        save.click(wiring.guarded(edit_file, failed=(None,)), wiring.token, outputs, js=ALL_TOLD, **quiet),
    ]
    for event in made:
        event.then(None, download, None, js=HAND_OVER)
    button.click(None, None, None, js=SAY_BUSY)
    load.upload(wiring.guarded(_open_edit), [wiring.token, load], wiring.stage, **quiet)


def _offer_transparency(format: str, clear: bool) -> Any:
    """JPEG has no transparency: the box is greyed and empty there."""
    can = format != "jpg"
    return gr.update(interactive=can, value=clear and can, info="the person alone" if can else "needs PNG or WebP")


SAY_BUSY = "() => { window.studio.toast.show({ kind: 'busy', text: 'Rendering the picture' }); }"
HAND_OVER = """(file) => {
  window.studio.toast.hide("busy");
  const url = file?.url;
  if (!url) return;
  const link = document.createElement("a");
  link.href = url;
  link.download = file.orig_name || url.split("/").pop();
  link.click();
}"""


def _open_edit(session: Session, path: str) -> tuple[str]:
    try:
        edit = read_edit_file(path)
    finally:
        with contextlib.suppress(OSError):
            Path(path).unlink()
    session.push(session.document.with_edit(edit), label="Open an edit file")
    return (stage_value(session),)


def _listen_atlas(wiring: Wiring, button: gr.Button, sheet: gr.Image) -> None:
    services: Services = wiring.services

    def draw(session: Session, report: gr.Progress) -> tuple[Any, Any]:
        def progress(done: float, text: str) -> None:
            report(done, desc=text)

        path = write_atlas(session, renderer=services.renderer, progress=progress)
        return gr.skip(), gr.update(value=str(path), visible=True)

    guarded = wiring.guarded(draw, failed=(gr.update(visible=False),))

    def on_draw(token: str | None, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        return guarded(token, progress)

    button.click(lambda: gr.update(visible=True), None, sheet, api_visibility="private", show_progress="hidden").then(
        on_draw,
        wiring.token,
        [wiring.stage, sheet],
        api_visibility="private",
        show_progress_on=sheet,
        concurrency_limit=1,
        concurrency_id="export",
    )
