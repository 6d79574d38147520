"""`python -m pipelines train …`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.console import show_progress
from pipelines.errors import StudioError


def add_commands(commands: Any) -> None:
    """Add `train` to the sub-commands of the command line: the corpus, the lip network, the motion transformer."""
    parser = commands.add_parser("train", help="make the speech models again, or your own")
    parser.add_argument("what", nargs="?", choices=("motion", "lips", "corpus"), default="motion")
    parser.add_argument("--config", type=Path, metavar="FILE", help="of the motion model, as assets/training/*.json")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="where its shards are or will be")
    parser.add_argument("--resume", action="store_true", help="go on from last.safetensors in the output folder")
    parser.add_argument("-o", "--output", type=Path, metavar="PATH", help="folder of the run; file of the lip network")
    parser.add_argument("--sentences", type=int, metavar="N", help="of the corpus (default: as in its options)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the corpus")
    parser.add_argument(
        "--films",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a corpus of your films of one speaking face each instead",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    {"motion": _train_motion, "lips": _train_lips, "corpus": _build_corpus}[options.what](options)


def _train_motion(options: argparse.Namespace) -> None:
    try:
        from accelerate import PartialState

        from pipelines.training.trainer import TrainingConfig, train
    except ImportError as error:
        raise StudioError(f"Training needs `{error.name}`; run: pip install -r requirements-train.txt") from error

    config = TrainingConfig.read(_required(options.config, "--config"))
    if options.corpus is not None:
        config = replace(config, corpus=str(options.corpus))
    run = train(config, _required(options.output, "--output"), resume=options.resume, progress=show_progress)
    if PartialState().is_main_process:
        sys.stdout.write(f"{run.step} steps, lip sync {run.best:.3f}: {options.output / 'model.safetensors'}\n")


def _train_lips(options: argparse.Namespace) -> None:
    from pipelines.training.lips import LipTraining, train_lips

    train_lips(_required(options.output, "--output"), LipTraining(), progress=show_progress)


def _build_corpus(options: argparse.Namespace) -> None:
    from pipelines.training.corpus import CorpusOptions, build_corpus

    folder = _required(options.corpus, "--corpus")
    if options.films:
        from pipelines.portrait.video_motion import LandmarkMotionExtractor
        from pipelines.training.corpus_film import build_film_corpus

        extractor = LandmarkMotionExtractor()
        _say_frames(build_film_corpus(folder, options.films, extractor, progress=show_progress), folder)
        return
    sentences = CorpusOptions.sentences if options.sentences is None else options.sentences
    made = CorpusOptions(sentences=sentences, seed=options.seed)
    _say_frames(build_corpus(folder, made, progress=show_progress), folder)


def _say_frames(frames: int, folder: Path) -> None:
    sys.stdout.write(f"{frames} frames, {frames / 1500:.0f} minutes: {folder}\n")


def _required(value: Path | None, name: str) -> Path:
    if value is None:
        raise StudioError(f"`{name}` should be given for this; see `python -m pipelines train --help`.")
    return value
