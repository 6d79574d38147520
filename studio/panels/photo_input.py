"""Gradio's image input, handing over the file as it came."""

from __future__ import annotations

from typing import Any

import gradio as gr


def photo_input(**options: Any) -> gr.Image:
    """Upload and webcam whose value in Python is the path of the file, untouched.

    The photo's own reader judges the header before a pixel is decoded; Gradio would decode first, whatever the size.
    """
    image = gr.Image(type="filepath", image_mode=None, **options)
    # set on the instance: Gradio writes a stub file beside the source of every component class
    setattr(image, "preprocess", _path_of)  # noqa: B010
    return image


def _path_of(payload: Any) -> str | None:
    if payload is None:
        return None
    if payload.path is None:
        raise gr.Error("`photo` should be an uploaded file; upload it again.", print_exception=False)
    return payload.path
