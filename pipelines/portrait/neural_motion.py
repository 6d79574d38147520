"""Motion of a face from LivePortrait's motion extractor: absolute, from one picture, no reference needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError
from pipelines.motion.space import FPS, N_KEYPOINTS, Floats, Motion, bins_to_degrees
from pipelines.portrait.follow import FollowedFace
from pipelines.portrait.types import Portrait
from pipelines.portrait.video_motion import FaceMotion, Progress, Sightings, in_first_crop

if TYPE_CHECKING:
    import torch

    from pipelines.networks.motion_extractor import MotionExtractor

Picture = NDArray[np.uint8]
BATCH = 8


def network_image(crop: Picture, size: int) -> Floats:
    """(1, 3, size, size) in [0, 1] of an (H, W, 3) uint8 RGB face crop, shrunk by averaging."""
    import cv2

    if crop.shape[0] != size or crop.shape[1] != size:
        crop = np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(crop.transpose(2, 0, 1)[None]).astype(np.float32) / np.float32(255)


def motion_of(features: Mapping[str, Any]) -> tuple[Motion, Floats]:
    """Motion (T frames) and canonical keypoints (T, 21, 3) from the network's outputs by name.

    Args:
        features: pitch, yaw, roll (T, 66) logits; t (T, 3); exp, kp (T, 63); scale (T, 1).
    """
    f = {name: np.asarray(value, np.float32) for name, value in features.items()}
    motion = Motion.of(
        pitch_deg=bins_to_degrees(f["pitch"]),
        yaw_deg=bins_to_degrees(f["yaw"]),
        roll_deg=bins_to_degrees(f["roll"]),
        t=f["t"],
        exp=f["exp"].reshape(-1, N_KEYPOINTS, 3),
        scale=f["scale"][:, 0],
    )
    return motion, f["kp"].reshape(-1, N_KEYPOINTS, 3)


class NeuralMotionExtractor:
    """Face crops to absolute motion; the crops are framed as `Portrait.image` is."""

    name = "Neural"

    def __init__(self, net: MotionExtractor, *, device: torch.device | str = "cpu") -> None:
        import torch

        self.device = torch.device(device)
        self.net = net.to(self.device).eval().requires_grad_(False)

    @classmethod
    def load(cls, folder: Path | None = None, *, device: torch.device | str = "cpu") -> NeuralMotionExtractor:
        """With the released weights.

        Raises:
            StudioError: the weight file is missing, with the command that fetches it, or is bad.
        """
        from pipelines.checkpoints.loading import load_motion_extractor

        return cls(load_motion_extractor(folder), device=device)

    def read(self, crops: Sequence[Picture]) -> tuple[Motion, Floats]:
        """Motion of T face crops, (H, W, 3) uint8 RGB each, and their canonical keypoints, (T, 21, 3).

        Raises:
            StudioError: there is no crop.
        """
        import torch

        from pipelines.networks.motion_extractor import MotionFeatures

        if not len(crops):
            raise StudioError("`crops` should hold at least one face but is empty.")
        size, parts = self.net.config.image_size, []
        for start in range(0, len(crops), BATCH):
            batch = np.concatenate([network_image(crop, size) for crop in crops[start : start + BATCH]])
            with torch.inference_mode():
                parts.append([part.cpu().numpy() for part in self.net(torch.from_numpy(batch).to(self.device))])
        return motion_of(dict(zip(MotionFeatures._fields, map(np.concatenate, zip(*parts, strict=True)), strict=True)))

    def extract(
        self,
        frames: Iterable[Picture],
        *,
        reference: int | Portrait | None = None,
        fps: float = FPS,
        total: int | None = None,
        progress: Progress | None = None,
    ) -> FaceMotion:
        """As `MotionExtractor.extract`; the expression is absolute."""
        parts, keypoints = [], []
        found = Sightings()
        for faces in _batches(found.watch(frames, total=total, progress=progress)):
            motion, kp = self.read([face.image for face in faces])
            parts += [in_first_crop(motion[i], face.first_from_crop) for i, face in enumerate(faces)]
            keypoints.append(kp)
        motion = found.spread(parts)
        return FaceMotion(
            motion=motion,
            reference=(
                self.read([reference.image])[0] if isinstance(reference, Portrait) else found.frame(motion, reference)
            ),
            seen=found.seen,
            eye_ratio=found.eye_ratio,
            lip_ratio=found.lip_ratio,
            kp_canonical=np.concatenate(keypoints).mean(0),
            fps=fps,
        )


def _batches(faces: Iterator[FollowedFace]) -> Iterator[list[FollowedFace]]:
    while batch := list(itertools.islice(faces, BATCH)):
        yield batch
