"""One of several processes that train together, then go on from the middle; each writes the weights it ends with.

The whole run lies in `whole`. What stood before its last check is kept in `half`, as a run that was stopped would
leave it, and resumed there.

`python -m tests.training.together CONFIG FOLDER`, started once a process by torchrun.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from accelerate import PartialState
from safetensors.torch import save_file

from pipelines.networks.motion_transformer import MotionTransformer
from pipelines.training.trainer import TrainingConfig, train

networks: list[MotionTransformer] = []


class Watched(TrainingConfig):
    """Hands the network out that the trainer makes."""

    def network(self) -> MotionTransformer:
        networks.append(super().network())
        return networks[-1]


def save(folder: Path) -> None:
    """Write this process's newest weights."""
    state = PartialState()
    weights = {name: value.detach().clone() for name, value in networks[-1].named_parameters()}
    save_file(weights, folder / f"of_{state.process_index}_in_{state.num_processes}.safetensors")
    state.wait_for_everyone()


def main() -> None:
    config, folder = Watched(**asdict(TrainingConfig.read(Path(sys.argv[1])))), Path(sys.argv[2])
    whole, half = folder / "whole", folder / "half"

    def keep_half(done: float, _: str) -> None:
        if done == 1:
            half.mkdir()
            for path in whole.glob("last.*"):
                shutil.copy(path, half)

    train(config, whole, progress=keep_half)
    save(whole)
    if PartialState().is_main_process:
        shutil.copy(half / "last.json", half / "stopped.json")
    train(config, half, resume=True)
    save(half)
    PartialState().destroy_process_group()


if __name__ == "__main__":
    main()
