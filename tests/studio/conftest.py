"""Services with a small store and a clock that stands still until a test moves it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipelines.motion.space import Motion
from pipelines.motion.track import Track
from pipelines.portrait.types import Portrait
from pipelines.project import Media, PortraitRef
from studio.clip import Clip
from studio.clip_routes import clip_routes
from studio.document_routes import document_routes
from studio.examples import FIRST, ExampleShelf
from studio.live import live_routes
from studio.mask_routes import mask_routes
from studio.recovery import RecoveryShelf
from studio.services import Services
from studio.session import Session
from studio.session_store import SessionStore
from studio.source_routes import source_routes


@dataclass
class Clock:
    """Seconds that pass when told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def _warm() -> Iterator[Services]:
    """The renderer and the first example, prepared once."""
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(2) as pool:
        warm = Services(pool=pool)
        warm.start()
        _ = warm.renderer
        yield warm
        warm.shut()


@pytest.fixture
def services(_warm: Services, clock: Clock, tmp_path: Path) -> Iterator[Services]:
    """The warm renderer and voice with a store of their own."""
    store = SessionStore(capacity=4, time_to_live_secs=100, busy_secs=10, clock=clock)
    yield Services(
        store=store,
        outbox=_warm.outbox,
        examples=_warm.examples,
        pool=_warm.pool,
        speech=_warm.speech,
        _chosen=_warm._chosen,
        _ready=_warm._ready,
        _prepared=_warm._prepared,
        recovery=RecoveryShelf(tmp_path / "recovery"),
    )
    store.shut()


@pytest.fixture(scope="session")
def example(_warm: Services) -> Portrait:
    return _warm.examples.portrait(FIRST.key)


@pytest.fixture(scope="session")
def shelf(_warm: Services) -> ExampleShelf:
    return _warm.examples


@pytest.fixture
def session(services: Services, example: Portrait) -> Session:
    """A visitor with the first example open."""
    session = services.store.open()
    session.open_portrait(example, PortraitRef(FIRST.label, example=FIRST.key))
    return session


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(
        Starlette(
            routes=[
                *live_routes(services),
                *mask_routes(services),
                *source_routes(services),
                *clip_routes(services),
                *document_routes(services),
            ]
        )
    ) as client:
        yield client


@pytest.fixture
def clip(session: Session) -> Clip:
    """Four seconds in which the jaw opens and closes twice a second and the head turns, with a tone."""
    seconds = np.arange(100) / 25
    exp = np.zeros((100, 21, 3), np.float32)
    exp.reshape(100, 63)[:, 58] = 0.02 * (1 - np.cos(4 * np.pi * seconds)) / 2
    motion = Motion.of(exp=exp, yaw_deg=6 * np.sin(np.pi * seconds / 2))
    sound = io.BytesIO()
    soundfile.write(sound, 0.3 * np.sin(440 * 2 * np.pi * np.arange(64_000) / 16_000), 16_000, format="WAV")
    track = Track(motion, label="Test", reference=Motion.identity())
    session.push(session.document.with_track(track, sound=Media(".wav", sound.getvalue())), label="Speech")
    assert session.clip is not None
    return session.clip


@pytest.fixture
def mask_png() -> bytes:
    """White right half (image left)."""
    mask = np.zeros((512, 512), np.uint8)
    mask[:, :256] = 255
    return cv2.imencode(".png", mask)[1].tobytes()
