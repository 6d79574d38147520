"""Filmed speakers to hold speech motion against: sound and what MediaPipe measured on the face (../shared/talking)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.speech.visemes import INNER_LIPS, MOUTH_CORNERS

Floats = NDArray[np.float32]

NOT_ENGLISH_SPEECH = "lp_"
"""LivePortrait's driving examples: expressions without sound, music, other languages and off-screen voices."""
GRID = "grid"
"""Clips of the GRID corpus (grid_, gridb_): one sentence form, 3 s each, all with one timing."""
_BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")


@dataclass(frozen=True, eq=False)
class Clip:
    """One filmed speaker, T frames at 25 fps; lengths in inter-ocular distances."""

    name: str
    samples: Floats
    """(640 T,) sound at 16 kHz."""
    height: Floats
    """(T,) between the inner lips."""
    width: Floats
    """(T,) between the mouth corners."""
    found: NDArray[np.bool_]
    """(T,) frames in which the face was found."""
    pose_deg: Floats
    """(T, 3) pitch, yaw, roll."""
    blink: Floats
    """(T,) blink blendshape, mean of both eyes."""

    @property
    def frames(self) -> int:
        """T, at 25 fps."""
        return len(self.height)

    @property
    def is_grid(self) -> bool:
        """Whether it comes from the GRID corpus, six fixed words a sentence."""
        return self.name.startswith(GRID)


def load_clips(folder: Path) -> list[Clip]:
    """The clips on which English is spoken: all whose name does not start with `lp_`, 30 clips and 244 s.

    Raises:
        StudioError: the folder does not hold the shards.
    """
    shards = sorted(folder.glob("shard_*.npz"))
    if not shards or not (folder / "_meta.npz").is_file():
        raise StudioError(f"`--data` should be a folder with _meta.npz and shard_*.npz but is not: {folder}")
    with np.load(folder / "_meta.npz", allow_pickle=False) as meta:
        points = [int(point) for point in meta["points"]]
        names = [str(name) for name in meta["bs_names"]]
    clips = []
    for path in shards:
        with np.load(path, allow_pickle=False) as shard:
            ids = [str(name) for name in shard["ids"]]
            clips += [_clip(shard, name, points, names) for name in ids if not name.startswith(NOT_ENGLISH_SPEECH)]
    return clips


def _clip(shard: Any, name: str, points: list[int], blendshapes: list[str]) -> Clip:
    import soundfile

    samples, _ = soundfile.read(io.BytesIO(shard[f"{name}/flac"].tobytes()), dtype="float32")
    landmarks = shard[f"{name}/lm"].astype(np.float32)

    def distance(a: int, b: int) -> Floats:
        return np.linalg.norm(landmarks[:, points.index(a), :2] - landmarks[:, points.index(b), :2], axis=1)

    return Clip(
        name=name,
        samples=np.asarray(samples, np.float32),
        height=np.mean([distance(high, low) for high, low in INNER_LIPS], axis=0),
        width=distance(*MOUTH_CORNERS),
        found=shard[f"{name}/ok"].astype(bool),
        pose_deg=shard[f"{name}/pose"][:, :3].astype(np.float32),
        blink=shard[f"{name}/bs"][:, [blendshapes.index(b) for b in _BLINKS]].astype(np.float32).mean(1),
    )
