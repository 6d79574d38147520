"""Random curves, layers and stacks."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from pipelines.motion.controls import SLOT_BY_KEY, SLOTS
from pipelines.motion.keyframes import INTERPOLATIONS, Curve
from pipelines.motion.layers import MODES, Layer, Mode, allowed, value_range

TIMES = st.integers(0, 8000).map(lambda milliseconds: milliseconds / 1000)
OFFSETS = [slot.key for slot in SLOTS if slot.control.kind in ("semantic", "dim", "pose", "gaze")]
_KEYS = [slot.key for slot in SLOTS if allowed(slot)]


def curves(low: float = -1.0, high: float = 1.0) -> st.SearchStrategy[Curve]:
    key = st.tuples(TIMES, st.floats(low, high), st.sampled_from(INTERPOLATIONS))
    return st.lists(key, min_size=1, max_size=8).map(Curve.of)


@st.composite
def layers(draw: st.DrawFn, modes: tuple[Mode, ...] = MODES, among: list[str] | None = None) -> Layer:
    mode = draw(st.sampled_from(modes))
    start, length = draw(TIMES), draw(st.none() | TIMES)
    layer = Layer(
        name=draw(st.text(max_size=12)),
        mode=mode,
        opacity=draw(st.floats(0, 1)),
        muted=draw(st.booleans()),
        solo=draw(st.booleans()),
        start_s=start,
        stop_s=None if length is None else start + length,
        ease_in_s=draw(TIMES),
        ease_out_s=draw(TIMES),
    )
    weights = draw(
        st.dictionaries(st.sampled_from(["region_mouth", "region_eyes_left", "region_head"]), st.floats(0, 1))
    )
    chosen = draw(st.lists(st.sampled_from(among or _KEYS), max_size=5, unique=True))
    held = {key: draw(curves(*value_range(SLOT_BY_KEY[key], mode))) for key in chosen}
    return layer.with_regions(weights).with_curves(held)


def busy_layers(rng: np.random.Generator, *, count: int, keys: int, slots: int) -> tuple[Layer, ...]:
    """Layers of every mode with many keys of every kind over two minutes, every second one in some regions only."""
    made = []
    for index in range(count):
        mode = MODES[index % 3]
        held = {}
        for choice in rng.choice(len(OFFSETS), slots, replace=False):
            low, high = value_range(SLOT_BY_KEY[OFFSETS[choice]], mode)
            times = np.sort(rng.uniform(0, 120, keys))
            held[OFFSETS[choice]] = Curve.of(
                [(float(t), float(rng.uniform(low, high)), INTERPOLATIONS[k % 4]) for k, t in enumerate(times)]
            )
        layer = Layer(f"layer {index}", mode, opacity=0.7, ease_in_s=1).with_curves(held)
        made.append(layer.with_regions({"region_mouth": 0.3, "region_eyes_right": 0}) if index % 2 else layer)
    return tuple(made)
