"""Speech panel: a voice from the microphone, a file, an example or a text; the motion it makes; its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from studio.events import Wiring, event_value
from studio.page import stage_value
from studio.session import Session
from studio.speech_order import read_delivery
from studio.stage.part import heading, part

EVENTS = ("generate", "pick_voice", "say", "stream_voice")
NO_VOICE = "There is no voice yet; record one, upload one or pick an example."


def build_speech_panel(wiring: Wiring) -> gr.Audio | None:
    """Mount the panel where a model that turns speech into motion is here; without one there is none.

    Returns:
        The voice, which is not visible yet: its script is large.
    """
    if not wiring.services.speech.is_ready:
        return None
    with gr.Column(elem_classes=["st-native", "for-speech"]):
        heading("Voice", "WAV, MP3, FLAC, OGG or M4A, up to ten minutes")
        voice = gr.Audio(
            label="Voice",
            show_label=False,
            sources=["upload", "microphone"],
            type="filepath",
            buttons=[],
            elem_id="st-voice",
            visible=False,
        )
    _listen(wiring, part("speech", events=EVENTS), voice)
    return voice


def _listen(wiring: Wiring, panel: Any, voice: gr.Audio) -> None:
    """What the buttons of the page do."""
    work = _Work(wiring)
    guarded_pick = wiring.guarded(work.pick, failed=(gr.skip(),))
    guarded_say = wiring.guarded(work.say, failed=(gr.skip(),))
    guarded_generate = wiring.guarded(work.generate)

    def on_pick(token: str | None, event: gr.EventData) -> Any:
        return guarded_pick(token, event_value(event, "key"))

    def on_say(token: str | None, event: gr.EventData) -> Any:
        return guarded_say(token, event_value(event, "text"), event_value(event, "voice"))

    def on_generate(token: str | None, path: str | None, event: gr.EventData) -> Any:
        return guarded_generate(token, path, event_value(event, "options"))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 2}
    panel.pick_voice(on_pick, wiring.token, [wiring.stage, voice], **quiet)
    panel.say(on_say, wiring.token, [wiring.stage, voice], **quiet)
    panel.stream_voice(wiring.guarded(work.ready), [wiring.token, voice], wiring.stage, **quiet)
    panel.generate(on_generate, [wiring.token, voice], wiring.stage, **quiet)


class _Work:
    """Handlers on a visitor's session."""

    def __init__(self, wiring: Wiring) -> None:
        self._jobs = wiring.services.jobs
        self._desk = wiring.services.speech

    def pick(self, session: Session, key: object) -> tuple[Any, str]:
        return gr.skip(), str(self._desk.example_for(session, key))

    def say(self, session: Session, text: object, speaker: object) -> tuple[Any, str]:
        return gr.skip(), str(self._desk.say(session, text, speaker=speaker))

    def generate(self, session: Session, path: str | None, options: object) -> tuple[str]:
        self._desk.start(self._jobs, session, _given(path), read_delivery(options))
        return (stage_value(session),)

    def ready(self, session: Session, path: str | None) -> tuple[str]:
        self._desk.ready_voice(session, _given(path))
        return (stage_value(session),)


def _given(path: str | None) -> Path:
    if path is None:
        raise StudioError(NO_VOICE)
    return Path(path)
