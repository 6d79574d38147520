"""Random edits and motions."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipelines.motion.controls import SLOT_DEFAULT, SLOT_HI, SLOT_LO, SLOTS
from pipelines.motion.edit import Edit, Source
from pipelines.motion.space import Motion

EXPRESSION_KINDS = {"semantic", "dim"}


def random_motion(rng: np.random.Generator, length: int = 1) -> Motion:
    """A motion with every field away from rest, expression of the size of a real one."""
    return Motion.of(
        exp=rng.normal(0, 0.008, (length, 21, 3)),
        pitch_deg=rng.normal(0, 5, length),
        yaw_deg=rng.normal(0, 5, length),
        roll_deg=rng.normal(0, 5, length),
        t=rng.normal(0, 0.05, (length, 3)),
        scale=rng.uniform(1.2, 1.6, length),
        side=rng.normal(0, 0.002, (length, 21, 3)),
        gaze_deg=rng.normal(0, 4, (length, 2, 2)),
    )


def random_source(rng: np.random.Generator) -> Source:
    return Source(random_motion(rng), rng.uniform(0.2, 0.4, 2).astype(np.float32))


def generators() -> st.SearchStrategy[np.random.Generator]:
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


@st.composite
def vectors(draw: st.DrawFn, kinds: set[str] | None = None) -> NDArray[np.float32]:
    """(N_SLOTS,) with a handful of slots anywhere in their range."""
    chosen = [slot for slot in SLOTS if kinds is None or slot.control.kind in kinds]
    vector = SLOT_DEFAULT.copy()
    for slot in draw(st.lists(st.sampled_from(chosen), max_size=12, unique_by=lambda slot: slot.index)):
        lo, hi = float(SLOT_LO[slot.index]), float(SLOT_HI[slot.index])
        vector[slot.index] = draw(st.floats(lo, hi, width=32) | st.sampled_from([lo, hi]))
    return vector


def edits(kinds: set[str] | None = None) -> st.SearchStrategy[Edit]:
    return vectors(kinds).map(Edit.from_vector)


def repeat(motion: Motion, length: int) -> Motion:
    return motion[np.zeros(length, np.intp)]


def same(a: Motion, b: Motion) -> bool:
    """Equal bit for bit in every field."""
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in vars(a))


def close(a: Motion, b: Motion, tolerance: float = 1e-5) -> bool:
    return all(np.allclose(getattr(a, name), getattr(b, name), rtol=0, atol=tolerance) for name in vars(a))
