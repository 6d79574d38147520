"""A film of any length in the same memory: its last third holds what its second third held."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import numpy as np
import pytest

from pipelines.assets import PORTRAITS
from pipelines.motion.edit import Edit
from pipelines.motion.space import FPS
from pipelines.networks.motion_transformer import MotionTransformer, TransformerConfig
from pipelines.networks.seeded import seed_weights
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.render.sequence import render_sequence
from pipelines.speech.audio import SAMPLE_RATE
from pipelines.speech.choice import Delivery
from pipelines.speech.conditions import FACE_WIDTH
from pipelines.speech.embedded import EmbeddedGenerator, shipped_generator
from pipelines.speech.embedded_motion import SpeechStream
from pipelines.speech.features import phonemes
from pipelines.speech.features.phonetic import N_PHONETIC
from pipelines.speech.speak import stream_bases
from pipelines.video import write_video

SECONDS = 36
SIZE, DRAWN = 64, 50
"""All motion is made, a frame in two seconds is drawn."""
BYTES_PER_FRAME = 100
"""Motion has five times as many; 9 MB an hour."""


@pytest.fixture(scope="module")
def generator() -> EmbeddedGenerator:
    """The shipped scale over a toy of the same network."""
    sizes = TransformerConfig(
        cond_width=N_PHONETIC + FACE_WIDTH, width=32, hidden_width=32, n_layers=1, n_cond_layers=1, n_heads=4
    )
    return EmbeddedGenerator(seed_weights(MotionTransformer(sizes)), shipped_generator().scale)


def held_bytes(root: object) -> int:
    """Bytes of all arrays that can be reached from an object; code and classes are not searched."""
    seen, waiting, total = {id(root)}, [root], 0
    while waiting:
        item = waiting.pop()
        total += item.nbytes if isinstance(item, np.ndarray) else 0
        for child in gc.get_referents(item):
            if id(child) not in seen and not isinstance(child, type | ModuleType | FunctionType):
                seen.add(id(child))
                waiting.append(child)
    return total


@pytest.mark.parametrize("way", ["whole", "live"])
def test_what_a_stream_holds_does_not_grow(
    way: str, generator: EmbeddedGenerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the recogniser keeps nothing and is half of the work
    monkeypatch.setattr(phonemes, "available", lambda: False)
    portrait = register(load_photo(PORTRAITS / "astronaut.jpg"))
    n_frames = SECONDS * FPS
    make = SpeechStream.whole if way == "whole" else SpeechStream
    stream = make(portrait=portrait, delivery=Delivery(steps=5, guidance=1.0), n_frames=n_frames, generator=generator)
    rng = np.random.default_rng(1)
    sound = (rng.normal(0, 0.1, SAMPLE_RATE).astype(np.float32) for _ in range(SECONDS))
    bases = stream_bases(portrait, stream, sound)
    drawn = render_sequence(portrait, itertools.islice(bases, 0, None, DRAWN), Edit(), size=SIZE)
    held = []

    def pictures() -> Iterator[np.ndarray]:
        for frame in drawn:
            held.append(held_bytes(drawn))
            yield frame

    write_video(pictures(), tmp_path / "film.mp4")
    assert len(held) == n_frames // DRAWN
    second, last = (max(held[part * len(held) // 3 : (part + 1) * len(held) // 3]) for part in (1, 2))
    assert last - second < BYTES_PER_FRAME * n_frames // 3
