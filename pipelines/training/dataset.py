"""Batches of motion segments with their conditions, from the shards of a corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.errors import StudioError
from pipelines.motion.mirror import mirror_exp
from pipelines.motion.pack import EXPRESSION, ROLL, TRANSLATION, YAW
from pipelines.speech.conditions import Conditions
from pipelines.speech.motion_scale import MotionScale, without_lips
from pipelines.training.corpus import Shard, read_shard

Floats = NDArray[np.float32]

FROM_REST_SHARE = 0.2
"""Segments that start with their utterance and so continue a face at rest."""


@dataclass(frozen=True, eq=False)
class Utterance:
    """One utterance as the corpus holds it."""

    motion: Floats
    """(T, 265) relative to rest."""
    conditions: Conditions

    def flipped(self) -> Utterance:
        """Left and right exchanged; the sound is the same. Canonical keypoints stay: no exact mirror is known."""
        motion = self.motion.copy()
        for angle in (YAW, ROLL):
            # the bins lie symmetrically about 0 degrees
            motion[:, angle] = motion[:, angle][:, ::-1]
        motion[:, TRANSLATION.start] *= -1
        motion[:, EXPRESSION] = mirror_exp(motion[:, EXPRESSION])
        c = self.conditions
        ball = c.eye_ball[:, [1, 0, 3, 2, 5, 4]] * np.array([-1, -1, 1, 1, 1, 1], np.float32)
        return Utterance(motion, Conditions(c.audio, c.emotion, c.eye_open[:, ::-1], ball, c.kp))


@dataclass(frozen=True)
class Batch:
    """B segments."""

    motion: Tensor
    """(B, n, 265) as the model sees it."""
    reference: Tensor
    """(B, 265) the frame before."""
    conditions: Tensor
    """(B, n, C)."""


def read_corpus(folder: Path) -> list[Utterance]:
    """All utterances of the shards below a folder, in a fixed order.

    Raises:
        StudioError: there are none, or one is damaged.
    """
    paths = sorted(folder.rglob("*.npz"))
    if not paths:
        raise StudioError(f"`corpus` should be a folder with shards but has none; build it first: {folder}")
    return [utterance for path in paths for utterance in _utterances(read_shard(path))]


def measure_scale(utterances: list[Utterance]) -> MotionScale:
    """Mean and deviation of the motion without lips."""
    return MotionScale.of(np.concatenate([without_lips(u.motion, u.conditions.audio) for u in utterances]))


class Segments:
    """Random segments of a corpus; batch `step` of a seed is always the same."""

    def __init__(self, utterances: list[Utterance], scale: MotionScale, *, length: int, seed: int) -> None:
        self._length, self._seed = length, seed
        self._rest = scale.rest()
        both = [u for utterance in utterances for u in (utterance, utterance.flipped())]
        self._motion = [_filled(scale.encode(u.motion, u.conditions.audio), length) for u in both]
        self._conditions = [_filled(u.conditions.packed(), length) for u in both]
        spans = np.array([len(motion) for motion in self._motion], np.float64)
        self._chance = spans / spans.sum()

    def batch(self, step: int, size: int) -> Batch:
        """`size` segments, with replacement; long utterances come more often."""
        rng = np.random.default_rng([self._seed, step])
        chosen = rng.choice(len(self._motion), size, p=self._chance)
        starts = [
            0 if rng.random() < FROM_REST_SHARE else int(rng.integers(len(self._motion[i]) - self._length + 1))
            for i in chosen
        ]
        windows = [(i, slice(start, start + self._length)) for i, start in zip(chosen, starts, strict=True)]
        before = [self._motion[i][w.start - 1] if w.start else self._rest for i, w in windows]
        return Batch(
            motion=_stacked([self._motion[i][w] for i, w in windows]),
            reference=_stacked(before),
            conditions=_stacked([self._conditions[i][w] for i, w in windows]),
        )


def _stacked(rows: list[Floats]) -> Tensor:
    return torch.from_numpy(np.stack(rows))


def _utterances(shard: Shard) -> list[Utterance]:
    found = []
    for index, (start, stop) in enumerate(zip(shard.starts[:-1], shard.starts[1:], strict=True)):
        n = int(stop - start)
        emotion, eye_open, eye_ball = (
            np.repeat(rows[index][None], n, 0) for rows in (shard.emotion, shard.eye_open, shard.eye_ball)
        )
        conditions = Conditions(shard.features[start:stop], emotion, eye_open, eye_ball, shard.kp[index])
        found.append(Utterance(shard.motion[start:stop], conditions))
    return found


def _filled(rows: Floats, length: int) -> Floats:
    """At least `length` rows, the last one repeated."""
    missing = max(length - len(rows), 0)
    return np.concatenate([rows, np.repeat(rows[-1:], missing, 0)]) if missing else rows
