"""What a visitor starts with, and how page events answer when something is wrong."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import gradio as gr
import pytest

from pipelines.errors import StudioError
from studio.events import Wiring
from studio.panels.portrait import open_session
from studio.services import Services
from studio.session import Session
from studio.stage.part import part
from studio.wording import GENERIC


@pytest.fixture
def wiring(services: Services) -> Wiring:
    with gr.Blocks():
        return Wiring(services=services, stage=part("stage", events=("commit",)), token=gr.State())


def test_a_visitor_starts_with_the_first_example(services: Services) -> None:
    ((value, token),) = open_session(services, None)
    stage = json.loads(value or "")
    assert stage["token"] == token and stage["portrait"]["key"] == "mona_lisa" and "message" not in stage
    assert services.store.find(token) is not None


def test_a_link_opens_its_portrait(services: Services) -> None:
    ((value, _),) = open_session(services, "astronaut")
    assert json.loads(value or "")["portrait"]["key"] == "astronaut"


@pytest.mark.parametrize("asked", ["nobody", "../app", "x" * 5000])
def test_a_broken_link_says_one_sentence_and_the_page_works(services: Services, asked: str) -> None:
    ((value, _),) = open_session(services, asked)
    stage = json.loads(value or "")
    assert stage["portrait"]["key"] == "mona_lisa"
    assert "`portrait`" in stage["message"]["text"] and len(stage["message"]["text"]) < 300


def test_while_the_renderer_is_prepared_the_page_says_so(services: Services) -> None:
    ready = threading.Event()
    steps = open_session(replace(services, _ready=ready), None)
    first = json.loads(next(steps)[0] or "")
    assert first["portrait"] is None and first["message"]["kind"] == "busy"
    ready.set()
    assert json.loads(next(steps)[0] or "")["portrait"] is not None


def test_a_visitors_mistake_is_one_sentence_and_the_work_stays(wiring: Wiring, session: Session) -> None:
    def work(session: Session) -> tuple[str, str]:
        raise StudioError("`photo` should be a photo.")

    before = session.document
    value, other = wiring.guarded(work, failed=("kept",), about="photo")(session.token)
    message = json.loads(value)["message"]
    assert (message["text"], message["about"], other) == ("`photo` should be a photo.", "photo", "kept")
    assert session.document is before


def test_our_mistake_is_logged_and_not_told(
    wiring: Wiring, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    def work(session: Session) -> tuple[str]:
        raise KeyError("secret path")

    text = json.loads(wiring.guarded(work)(session.token))["message"]["text"]
    assert text == GENERIC and "secret path" in caplog.text


@pytest.mark.parametrize("token", [None, "foreign"])
def test_an_event_without_a_session_touches_nobody(wiring: Wiring, session: Session, token: str | None) -> None:
    called = []

    def work(session: Session) -> tuple[str]:
        called.append(session)
        return ("",)

    with pytest.raises(gr.Error, match="ended"):
        wiring.guarded(work)(token)
    assert not called
