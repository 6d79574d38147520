"""What the motion model is trained on: position, velocity, acceleration and the join to the frame before.

Ditto's losses (4)-(6). Groups of the 265 numbers learn at different speed, so each is weighted by the inverse of its
own running loss: the paper's adaptive weights, whose formula is not published.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipelines.motion.dims import DIMS
from pipelines.motion.pack import EXPRESSION, PITCH, ROLL, SCALE, TRANSLATION, YAW

LIP_DIMS = tuple(dim.index for dim in DIMS if dim.region == "mouth" and dim.live)
GROUPS: dict[str, list[int]] = {
    "scale": list(range(SCALE.start, SCALE.stop)),
    "pitch": list(range(PITCH.start, PITCH.stop)),
    "yaw": list(range(YAW.start, YAW.stop)),
    "roll": list(range(ROLL.start, ROLL.stop)),
    "t": list(range(TRANSLATION.start, TRANSLATION.stop)),
    "lips": [EXPRESSION.start + dim for dim in LIP_DIMS],
    "face": [i for i in range(EXPRESSION.start, EXPRESSION.stop) if i - EXPRESSION.start not in LIP_DIMS],
}
VELOCITY, ACCELERATION, INITIAL = 1.0, 1.0, 0.5
MEMORY = 0.98
"""Share of the running loss that stays from step to step."""
FLOOR = 0.05
"""Of a running loss, in variances: a group that is almost learnt does not take over."""


class MotionLoss:
    """The weighted sum; keeps a running loss per group.

    Args:
        running: losses to go on from, by group.
        floor: added to every running loss, in variances.
        mean: of a tensor over the processes that train together, so that all weigh alike.
    """

    def __init__(
        self,
        running: dict[str, float] | None = None,
        *,
        floor: float = FLOOR,
        mean: Callable[[Tensor], Tensor] = torch.clone,
    ) -> None:
        self.running = dict(running or {})
        self._floor, self._mean = floor, mean

    def __call__(self, predicted: Tensor, target: Tensor, reference: Tensor) -> Tensor:
        """Loss of (B, n, 265) motion that continues (B, 265)."""
        error = _with_motion(predicted, reference) - _with_motion(target, reference)  # (B, 3, n, 265)
        square = error.square().mean((0, 2))  # (3, 265)
        weights = square.new_tensor([1.0, VELOCITY, ACCELERATION])
        join = INITIAL * (predicted[:, 0] - target[:, 0]).square().mean(0)  # (265,)
        each = weights @ square + join  # (265,)
        losses = {name: each[dims].mean() for name, dims in GROUPS.items()}
        everywhere = self._mean(torch.stack(list(losses.values())).detach())
        for name, value in zip(losses, everywhere, strict=True):
            seen = float(value)
            self.running[name] = MEMORY * self.running.get(name, seen) + (1 - MEMORY) * seen
        shares = {name: 1 / (self.running[name] + self._floor) for name in losses}
        # of a sum of sizes, so that large groups do not drown small ones
        total = sum(shares.values())
        return torch.stack([loss * (shares[name] / total) for name, loss in losses.items()]).sum()


def _with_motion(frames: Tensor, reference: Tensor) -> Tensor:
    """(B, 3, n, 265): position, velocity, acceleration; the reference stands before the first frame."""
    led = torch.cat([reference[:, None], frames], 1)  # (B, n + 1, 265)
    velocity = led.diff(dim=1)  # (B, n, 265)
    acceleration = torch.cat([velocity[:, :1] * 0, velocity.diff(dim=1)], 1)  # (B, n, 265)
    return torch.stack([frames, velocity, acceleration], 1)
