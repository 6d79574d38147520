"""Services with a small store and a clock that stands still until a test moves it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipelines.portrait.types import Portrait
from studio.examples import FIRST, ExampleShelf
from studio.live import live_routes
from studio.services import Services
from studio.session import Session, SessionStore


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
def services(_warm: Services, clock: Clock) -> Iterator[Services]:
    """The warm renderer with a store of its own."""
    store = SessionStore(capacity=4, time_to_live_secs=100, busy_secs=10, clock=clock)
    yield Services(
        store=store,
        outbox=_warm.outbox,
        examples=_warm.examples,
        pool=_warm.pool,
        _chosen=_warm._chosen,
        _ready=_warm._ready,
        _prepared=_warm._prepared,
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
    session.open_portrait(example, name=FIRST.label, example=FIRST.key)
    return session


@pytest.fixture
def client(services: Services) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=live_routes(services))) as client:
        yield client


@pytest.fixture
def mask_png() -> bytes:
    """White right half (image left)."""
    mask = np.zeros((512, 512), np.uint8)
    mask[:, :256] = 255
    return cv2.imencode(".png", mask)[1].tobytes()
