"""Small inputs of the motion model."""

from __future__ import annotations

import numpy as np

from pipelines.networks.motion_transformer import MotionTransformer


def debug_inputs(net: MotionTransformer, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Reference frame (265,) and conditions (frames, C) of one segment."""
    rng = np.random.default_rng(seed)
    config = net.config
    frame = rng.standard_normal(config.motion_width).astype(np.float32)
    return frame, rng.standard_normal((config.n_frames, config.cond_width)).astype(np.float32)
