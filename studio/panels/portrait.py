"""Portrait panel: upload and webcam, examples, the choice among faces, and what a visitor starts with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from pipelines.portrait.load import photo_suffix
from pipelines.project import Media, PortraitRef
from studio.events import Wiring, event_value, sentence
from studio.examples import FIRST
from studio.page import Message, renderer_data, stage_value
from studio.panels.photo_input import photo_input
from studio.services import Services
from studio.session import Session
from studio.stage.part import heading
from studio.wording import NO_PORTRAIT


def build_portrait_panel(wiring: Wiring) -> None:
    """Mount the native part of the panel and listen to the portrait events of the stage."""
    with gr.Column(elem_classes=["st-native", "for-portrait"]):
        heading("New portrait", "a photo with one or more faces, up to 25 megapixels")
        photo = photo_input(
            label="New portrait",
            show_label=False,
            placeholder="Drop a photo here\nor click to choose one",
            sources=["upload", "webcam"],
            format="jpeg",
            height=168,
            buttons=[],
            elem_id="st-photo",
        )
    services = wiring.services
    open_photo = wiring.guarded(lambda s, path: _open_photo(services, s, path), failed=(None,), about="photo")
    pick_face = wiring.guarded(lambda s, index: _pick_face(services, s, index))
    pick_example = wiring.guarded(lambda s, key: _pick_example(services, s, key))

    def on_photo(token: str | None, path: str | None) -> Any:
        return (gr.skip(), gr.skip()) if path is None else open_photo(token, path)

    def on_face(token: str | None, event: gr.EventData) -> Any:
        return pick_face(token, event_value(event, "index"))

    def on_example(token: str | None, event: gr.EventData) -> Any:
        return pick_example(token, event_value(event, "key"))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 2}
    photo.input(on_photo, [wiring.token, photo], [wiring.stage, photo], concurrency_id="register", **quiet)
    wiring.stage.pick_face(on_face, wiring.token, wiring.stage, concurrency_id="register", **quiet)
    wiring.stage.pick_example(on_example, wiring.token, wiring.stage, concurrency_id="register", **quiet)


def open_session(services: Services, example: str | None) -> Iterator[tuple[str | None, str]]:
    """(stage value, token) for a page that has just been opened, first with a word while the renderer is prepared.

    Args:
        example: the portrait that the page's address asks for.
    """
    session = services.store.open()
    services.recovery.watch(session)
    if not services.is_ready:
        yield stage_value(session, message=Message("Preparing the renderer", kind="busy")), session.token
    message = renderer = None
    try:
        wanted = services.examples.find(example or FIRST.key)
    except StudioError as error:
        message, wanted = Message(str(error)), FIRST
    try:
        _ = services.renderer
        renderer = renderer_data(services.choice)
        _show_example(services, session, wanted.key)
    except Exception as error:
        # the page opens whatever happens, and says what did
        message = Message(sentence(error))
    yield stage_value(session, message=message, renderer=renderer), session.token


def _open_photo(services: Services, session: Session, path: str) -> tuple[str, None]:
    try:
        portrait = services.read_photo(path)
        data = Path(path).read_bytes()
        photo = Media(photo_suffix(data), data)
    finally:
        # the photo is part of the work from now on; the upload is not kept
        with contextlib.suppress(OSError):
            Path(path).unlink()
    session.open_portrait(portrait, PortraitRef("Your photo", photo=photo))
    return _opened(services, session), None


def _pick_face(services: Services, session: Session, index: object) -> tuple[str]:
    portrait = session.portrait
    if portrait is None:
        raise StudioError(NO_PORTRAIT)
    if type(index) is not int or not 0 <= index < len(portrait.faces):
        raise StudioError(f"`face` should be from 0 to {len(portrait.faces) - 1} but is {str(index)[:20]}; pick one.")
    ref = replace(session.document.portrait, face_index=index)
    session.open_portrait(services.register_face(portrait, index), ref)
    return (_opened(services, session),)


def _pick_example(services: Services, session: Session, key: object) -> tuple[str]:
    _show_example(services, session, str(key))
    return (stage_value(session),)


def _show_example(services: Services, session: Session, key: str) -> None:
    example = services.examples.find(key)
    session.open_portrait(services.examples.portrait(key), PortraitRef(example.label, example=key))
    _opened(services, session)


def _opened(services: Services, session: Session) -> str:
    services.store.trim()
    services.draw_ahead(session)
    return stage_value(session)
