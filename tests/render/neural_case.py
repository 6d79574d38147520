"""What the neural tests share: debug networks, their graphs, and a portrait made without any detector."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import onnx
from PIL import Image

from pipelines.assets import PORTRAITS
from pipelines.motion.space import Motion
from pipelines.networks.bundle import Networks
from pipelines.networks.sampling import Sampler
from pipelines.portrait.types import CROP_SIZE, FaceBox, Portrait
from pipelines.render.export import export_graph, graph_specs, split_specs

NETWORKS = Networks.seeded(debug=True, transformer=True)
SPECS = {**graph_specs(NETWORKS), **split_specs(NETWORKS)}


@lru_cache(maxsize=32)
def exported(name: str, half: bool = False, sampler: Sampler = "rewritten") -> onnx.ModelProto:
    """A graph of the debug networks; only graphs that may be in mixed precision differ by `half`."""
    if half and not SPECS[name].mixed:
        return exported(name, sampler=sampler)
    return export_graph(NETWORKS, SPECS[name], half=half, sampler=sampler)


def plain_portrait() -> Portrait:
    """The upper square of a shipped picture as the face crop, with a motion of its own."""
    with Image.open(PORTRAITS / "mona_lisa.jpg") as picture:
        photo = np.asarray(picture.convert("RGB"))
    side = min(photo.shape[:2])
    image = np.asarray(Image.fromarray(photo[:side, :side]).resize((CROP_SIZE, CROP_SIZE), Image.Resampling.BOX))
    scale = CROP_SIZE / side
    rest = np.random.default_rng(5).normal(size=(21, 3)).astype(np.float32)
    return Portrait(
        photo=photo,
        crop_from_photo=np.array([[scale, 0, 0], [0, scale, 0]]),
        image=image,
        landmarks_in_crop=np.zeros((478, 3), np.float32),
        blendshapes=np.zeros(52, np.float32),
        matte=np.ones((CROP_SIZE, CROP_SIZE), np.float32),
        kp_canonical=0.2 * rest,
        motion=Motion.of(exp=0.01 * rest, pitch_deg=[3.0], yaw_deg=[-5.0], roll_deg=[1.0], scale=[1.4]),
        eye_ratio=np.array([0.31, 0.27], np.float32),
        lip_ratio=0.2,
        faces=(FaceBox(0, 0, side, side),),
        face_index=0,
        key="plain",
    )
