"""One of several processes that train together; each writes the weights it ends with.

The main one also keeps what stood before the last check, in `half`, as a run that was stopped would leave it.

`python -m tests.training.together CONFIG FOLDER [--resume]`, started once a process by torchrun.
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


def main() -> None:
    config, folder = Watched(**asdict(TrainingConfig.read(Path(sys.argv[1])))), Path(sys.argv[2])

    def keep_half(done: float, _: str) -> None:
        if done == 1:
            (folder / "half").mkdir()
            for path in folder.glob("last.*"):
                shutil.copy(path, folder / "half")

    train(config, folder, resume="--resume" in sys.argv, progress=keep_half)
    state = PartialState()
    weights = {name: value.detach().clone() for name, value in networks[0].named_parameters()}
    save_file(weights, folder / f"of_{state.process_index}_in_{state.num_processes}.safetensors")
    state.destroy_process_group()


if __name__ == "__main__":
    main()
