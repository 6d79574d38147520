"""A corpus of a few seconds and a model of toy size, in the formats of the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipelines.motion.atlas import load_atlas
from pipelines.motion.emotion import emotion_vector
from pipelines.motion.pack import pack
from pipelines.npz import pack_npz
from pipelines.speech.features.phonetic import CURVE_COLUMNS, N_PHONETIC
from pipelines.speech.motion_scale import spoken_lips
from pipelines.training.corpus_face import draw_case, face_motion

SIZES = {
    "cond_width": N_PHONETIC + 79,
    "n_frames": 20,
    "width": 32,
    "hidden_width": 32,
    "n_layers": 1,
    "n_cond_layers": 1,
    "n_heads": 4,
}


def toy_features(frames: int, seed: int = 0) -> np.ndarray:
    """(frames, N_PHONETIC): a mouth that opens and shuts twice a second, all of it speech."""
    features = np.zeros((frames, N_PHONETIC), np.float32)
    opening = 0.5 + 0.4 * np.sin(np.arange(frames) * 0.5 + seed)
    features[:, CURVE_COLUMNS.start] = opening
    features[:, CURVE_COLUMNS.start + 1] = 0.3 * np.cos(np.arange(frames) * 0.3)
    features[:, CURVE_COLUMNS.stop - 1] = 1
    return features


def write_corpus(folder: Path, utterances: int = 6, frames: int = 60) -> Path:
    """One shard of toy speech."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ("features", "motion")}
    for number in range(utterances):
        features = toy_features(frames, number)
        case = draw_case(np.random.default_rng(number))
        lips = spoken_lips(features)
        motion = face_motion(case, lips, features[:, CURVE_COLUMNS.start], np.random.default_rng(number))
        rows["features"].append(features)
        rows["motion"].append(pack(motion))
    fixed = {
        "emotion": np.stack([emotion_vector(n % 8) for n in range(utterances)]),
        "eye_open": np.full((utterances, 2), 0.9, np.float32),
        "eye_ball": np.zeros((utterances, 6), np.float32),
        "kp": np.repeat(load_atlas().kp_mean.reshape(1, 63), utterances, 0).astype(np.float32),
    }
    arrays = {name: np.concatenate(parts) for name, parts in rows.items()}
    data = pack_npz({"starts": frames * np.arange(utterances + 1), **arrays, **fixed})
    (folder / "0000.npz").write_bytes(data)
    return folder
