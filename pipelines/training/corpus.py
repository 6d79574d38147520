"""The training corpus of the embedded speech model: synthetic speech in, motion by rule and statistics out.

A corpus is a folder of shards, npz files without pickles. A shard holds U utterances one after another:
`starts` (U + 1,), `features` (sum T, N_PHONETIC), `motion` (sum T, 265) relative to rest, and per utterance
`emotion` (U, 8), `eye_open` (U, 2), `eye_ball` (U, 6), `kp` (U, 63).

Phone timing is exact, so lips can be taught what a recogniser misses; but what is heard of a synthesiser is clearer
than real speech, and lips taught by exact timing alone trust features that real speech does not give. So the lips are
a mean of the curves by exact timing and of those that the features carry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.files import write_atomic
from pipelines.motion.pack import pack
from pipelines.motion.space import FPS
from pipelines.npz import pack_npz, read_npz
from pipelines.speech.audio import n_frames
from pipelines.speech.features.phonetic import CURVE_COLUMNS, phonetic_features
from pipelines.speech.visemes import EXACT, lip_curves, lips_to_expression
from pipelines.training.corpus_augment import augmented
from pipelines.training.corpus_face import draw_case, face_motion
from pipelines.training.corpus_voices import Utterance, utterances

Floats = NDArray[np.float32]
Progress = Callable[[float, str], None]

EXACT_RATE = 100
LEAD_S = 0.03
"""Lips are ahead of their sound."""
GAIN = (0.85, 1.2)
"""How much speakers differ in how far they move their lips."""
MAX_SHARD_BYTES = 512 << 20


@dataclass(frozen=True)
class CorpusOptions:
    """What the corpus of the shipped model was made with: about 75 minutes."""

    sentences: int = 560
    copies: int = 2
    """Of each sentence, the first of every second one clean, all others augmented."""
    exact_share: float = 0.25
    """Of the lips; the rest follows the curves in the features."""
    per_shard: int = 64
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Shard:
    """What the trainer reads: utterances one after another; shapes as the module says."""

    starts: NDArray[np.int64]
    features: Floats
    motion: Floats
    emotion: Floats
    eye_open: Floats
    eye_ball: Floats
    kp: Floats


def build_corpus(folder: Path, options: CorpusOptions, *, progress: Progress | None = None) -> int:
    """Write the shards; returns the number of frames. The same options repeat with the same synthesisers.

    Raises:
        StudioError: flite or eSpeak NG is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    batch: list[dict[str, Floats]] = []
    frames = shards = 0
    for number, clean in enumerate(utterances(options.sentences, options.seed)):
        for copy in range(options.copies):
            rng = np.random.default_rng([options.seed, number, copy])
            batch.append(example(augmented(clean, rng) if copy or number % 2 else clean, options, rng))
            frames += len(batch[-1]["motion"])
        if len(batch) >= options.per_shard:
            write_shard(folder / f"{shards:04d}.npz", batch)
            shards, batch = shards + 1, []
        if progress is not None:
            progress((number + 1) / options.sentences, f"{number + 1} of {options.sentences} sentences")
    if batch:
        write_shard(folder / f"{shards:04d}.npz", batch)
    return frames


def example(utterance: Utterance, options: CorpusOptions, rng: np.random.Generator) -> dict[str, Floats]:
    """The arrays of one utterance of T frames: `features` (T, N_PHONETIC), `motion` (T, 265) relative to rest,
    `emotion` (8,), `eye_open` (2,), `eye_ball` (6,), `kp` (63,)."""
    features = phonetic_features(utterance.samples)
    heard = features[:, CURVE_COLUMNS]
    share = np.float32(options.exact_share)
    curves = np.asarray(heard + share * (exact_curves(utterance) - heard), np.float32)
    lips = lips_to_expression(curves) * np.float32(rng.uniform(*GAIN))
    case = draw_case(rng)
    return {
        "features": features,
        "motion": pack(face_motion(case, lips, curves[:, 0], rng)),
        "emotion": case.emotion,
        "eye_open": case.eye_open,
        "eye_ball": case.eye_ball,
        "kp": case.kp,
    }


def exact_curves(utterance: Utterance) -> Floats:
    """(T, N_CURVES) lip curves of an utterance at 25 fps, by its exact timing."""
    frames = n_frames(len(utterance.samples))
    activations = utterance.activations(EXACT_RATE, frames * EXACT_RATE // FPS)
    curves = lip_curves(activations, rate=EXACT_RATE, evidence=EXACT)
    at = np.clip((np.arange(frames) / FPS + LEAD_S) * EXACT_RATE, 0, len(curves) - 1)
    return np.stack([np.interp(at, np.arange(len(curves)), column) for column in curves.T], 1).astype(np.float32)


def read_shard(path: Path) -> Shard:
    """One shard of a corpus.

    Raises:
        StudioError: not a shard, or damaged.
    """
    arrays = read_npz(path.read_bytes(), what="A shard of the corpus", max_bytes=MAX_SHARD_BYTES)
    names = [field.name for field in fields(Shard)]
    if lacking := [name for name in names if name not in arrays]:
        raise StudioError(f"A shard of the corpus should hold {', '.join(names)} but lacks {lacking[0]}: {path}")
    return Shard(**{name: arrays[name] for name in names})


def write_shard(path: Path, batch: list[dict[str, Floats]]) -> None:
    """Write examples, each with the arrays that `example` gives in its shapes, as one shard.

    Raises:
        StudioError: the folder cannot be written.
    """
    over_time = {name: np.concatenate([case[name] for case in batch]) for name in ("features", "motion")}
    fixed = {name: np.stack([case[name] for case in batch]) for name in ("emotion", "eye_open", "eye_ball", "kp")}
    starts = np.cumsum([0, *(len(case["motion"]) for case in batch)])
    write_atomic(path, pack_npz({"starts": starts, **over_time, **fixed}))
