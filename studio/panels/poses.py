"""Poses panel: the other photo whose expression is matched. The library itself is the page's."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.motion.match import Expression
from studio.events import Wiring
from studio.page import stage_value
from studio.panels.photo_input import photo_input
from studio.session import Session
from studio.stage.part import heading


def build_poses_panel(wiring: Wiring) -> None:
    """Mount the native part of the panel."""
    with gr.Column(elem_classes=["st-native", "for-poses"]):
        heading("Expression of another photo", "any face; the photo is not kept")
        photo = photo_input(
            label="Expression of another photo",
            show_label=False,
            placeholder="Drop a photo here\nor click to choose one",
            sources=["upload", "webcam"],
            format="jpeg",
            height=132,
            buttons=[],
            elem_id="st-match",
        )

    def take(session: Session, path: str) -> tuple[Any, None]:
        try:
            portrait = wiring.services.read_photo(path)
        finally:
            with contextlib.suppress(OSError):
                Path(path).unlink()
        session.other = Expression.of(portrait)
        return stage_value(session), None

    guarded = wiring.guarded(take, failed=(None,))

    def on_photo(token: str | None, path: str | None) -> Any:
        return (gr.skip(), gr.skip()) if path is None else guarded(token, path)

    photo.input(
        on_photo,
        [wiring.token, photo],
        [wiring.stage, photo],
        show_progress="hidden",
        api_visibility="private",
        concurrency_limit=2,
        concurrency_id="register",
    )
