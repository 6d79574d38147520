"""What Gradio events of the page have in common: the visitor's session, and every failure as one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from studio.page import Message, stage_value
from studio.services import Services
from studio.session import Session
from studio.wording import GENERIC

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wiring:
    """What every panel needs to listen and to answer."""

    services: Services
    stage: gr.HTML
    token: gr.State
    """Token of the visitor's session; stays on the server."""

    def session(self, token: str | None) -> Session:
        """The visitor's session.

        Raises:
            StudioError: it has ended.
        """
        session = self.services.store.find(token)
        if session is None:
            raise StudioError("This session has ended; reload the page.")
        return session

    def say(self, token: str | None, error: Exception, *, about: str = "") -> Any:
        """The stage's new value that shows a failure; the work stays as it is."""
        session = self.services.store.find(token)
        if session is None:
            raise gr.Error("This session has ended; reload the page.", print_exception=False) from error
        return stage_value(session, message=Message(sentence(error), about=about))

    def guarded(
        self, work: Callable[..., tuple[Any, ...]], *, failed: tuple[Any, ...] = (), about: str = ""
    ) -> Callable[..., Any]:
        """`work(session, *values)` as an event handler on (token, *values).

        Args:
            work: returns the stage's value and those of further outputs.
            failed: what the further outputs get on failure, when the stage says one sentence.
            about: see `Message`.
        """

        def handle(token: str | None, *values: Any) -> Any:
            try:
                stage, *others = work(self.session(token), *values)
            except Exception as error:
                # `sentence` logs what is not meant for the visitor
                stage, others = self.say(token, error, about=about), failed
            # Gradio takes a tuple for one output as that output's value
            return (stage, *others) if others else stage

        return handle


def sentence(error: Exception) -> str:
    """What the visitor reads; anything unexpected goes to the log."""
    if isinstance(error, StudioError):
        return str(error)
    log.error("an event failed", exc_info=error)
    return GENERIC


def event_value(event: gr.EventData, name: str) -> Any:
    """What the page sent under a name; None if it sent nothing of the kind."""
    return event._data.get(name) if isinstance(event._data, dict) else None
