"""`python -m pipelines speak PHOTO AUDIO -o FILM`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from pipelines.console import show_progress, write_json, write_table
from pipelines.edit_options import add_edit_options, parse_settings, read_edit
from pipelines.errors import StudioError
from pipelines.motion.emotion import EMOTION_NAMES
from pipelines.render.base import RendererName
from pipelines.render.still import Area
from pipelines.speech.choice import (
    FULL_SIZE_STEPS,
    MAX_AMOUNT,
    MAX_SEED,
    MODELS,
    SCOPES,
    Delivery,
    SpeechModel,
    choose_model,
)
from pipelines.speech.reach import AMOUNTS
from pipelines.speech.speak import STAGES, SpeakReport

BLOCK_S = 0.4
"""Sound is read in the paper's units."""


def add_commands(commands: Any) -> None:
    """Add `speak` to the sub-commands of the command line."""
    parser = commands.add_parser("speak", help="let a photo speak with the voice of a recording")
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("audio", type=Path, metavar="AUDIO", help="a recording, or a film with sound")
    parser.add_argument("--face", type=int, default=0, metavar="N", help="which face of the photo, 0 = the largest")
    add_edit_options(parser)
    rest = Delivery()
    parser.add_argument("--seed", type=int, default=rest.seed, metavar="N", help=f"0 to {MAX_SEED} (default: 0)")
    parser.add_argument("--scope", choices=tuple(SCOPES), default=rest.scope, help="what the speech may move")
    amount = f"0 to {MAX_AMOUNT:g} (default: 1)"
    parser.add_argument("--expression", type=float, default=rest.expression, metavar="X", help=f"lips, {amount}")
    parser.add_argument("--head", type=float, default=rest.head, metavar="X", help=f"head motion, {amount}")
    for name, (label, _, _) in AMOUNTS.items():
        parser.add_argument(f"--{name}", type=float, default=1.0, metavar="X", help=f"{label.lower()}, {amount}")
    parser.add_argument(
        "--gaze", type=float, default=rest.gaze, metavar="X", help="0 to 1: how far the eyes turn back to the camera"
    )
    parser.add_argument("--no-blinks", action="store_true", help="the eyes stay open")
    parser.add_argument("--no-idle", action="store_true", help="the head is still in silence")
    parser.add_argument("--model", choices=MODELS, help="full: Ditto's own weights (default: embedded, which ships)")
    _add_sampling(parser, rest)
    parser.add_argument(
        "--stream",
        action="store_true",
        help="hear no farther ahead than a live voice can, and tell the delay of the first frame",
    )
    parser.add_argument("--area", choices=get_args(Area), default="crop", help="what to draw (default: crop)")
    parser.add_argument("--size", type=int, metavar="PX", help="side of the drawn face (default: 512)")
    parser.add_argument("--renderer", choices=get_args(RendererName), help="default: the best that draws live here")
    parser.add_argument("--json", action="store_true", help="the cost as one JSON object instead of a table")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".mp4")
    parser.set_defaults(run=_run)


def _add_sampling(parser: argparse.ArgumentParser, rest: Delivery) -> None:
    told = f"denoising steps (default: {rest.steps}; whole files of `full` {FULL_SIZE_STEPS}); `rule` has none"
    parser.add_argument("--steps", type=int, metavar="N", help=told)
    parser.add_argument("--guidance", type=float, default=rest.guidance, metavar="X", help="1 to 4 (default: 2)")
    moods = ", ".join(EMOTION_NAMES)
    parser.add_argument("--mood", action="append", default=[], metavar="NAME=X", help=f"share 0 to 1 of {moods}")
    for moment in ("middle", "end"):
        told = f"the same at the {moment}; mixed between, not for --stream"
        parser.add_argument(f"--mood-{moment}", action="append", metavar="NAME=X", help=told)


def read_mood(settings: Sequence[str]) -> tuple[float, ...]:
    """Shares of the eight emotions from `NAME=SHARE` strings.

    Raises:
        StudioError: an unknown emotion, or no number.
    """
    shares = dict.fromkeys(EMOTION_NAMES, 0.0)
    for name, share in parse_settings(settings, option="--mood").items():
        if name not in shares:
            raise StudioError(f"`--mood` should name one of {', '.join(shares)} but names '{name}'.")
        shares[name] = share
    return tuple(shares.values())


def _delivery(options: argparse.Namespace, model: SpeechModel) -> Delivery:
    sampling: dict[str, Any] = {}
    if model.samples:
        steps = Delivery.steps if options.stream else model.file_steps
        steps = steps if options.steps is None else options.steps
        sampling = {"steps": steps, "guidance": options.guidance, "mood": read_mood(options.mood)}
        for moment in ("mood_middle", "mood_end"):
            if (settings := getattr(options, moment)) is not None:
                sampling[moment] = read_mood(settings)
    return Delivery(
        seed=options.seed,
        scope=options.scope,
        expression=options.expression,
        head=options.head,
        gaze=options.gaze,
        **{name: getattr(options, name) for name in AMOUNTS},
        blinks=not options.no_blinks,
        idle=not options.no_idle,
        **sampling,
    )


def _run(options: argparse.Namespace) -> None:
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register
    from pipelines.render import choose_renderer
    from pipelines.speech.audio import SAMPLE_RATE, n_frames, sound_length, stream_audio
    from pipelines.speech.speak import FilmOptions, FirstFrame, speak_film, stream_bases
    from pipelines.video import check_video_path

    check_video_path(options.output)
    model = choose_model(options.model)
    if model is None:
        raise StudioError("Speech needs the package hama, which is missing; run: pip install -r requirements.txt")
    delivery = _delivery(options, model)
    film = FilmOptions(read_edit(options), area=options.area, size=options.size)
    # read through once, so that what is wrong with an hour of sound is said before an hour of work
    total = n_frames(sound_length(options.audio))
    portrait = register(load_photo(options.photo), face_index=options.face)
    common: dict[str, Any] = {
        "sound": options.audio,
        "film": film,
        "renderer": choose_renderer(options.renderer),
        "total": total,
        "progress": show_progress,
    }
    if options.stream:
        stream = model.stream(portrait=portrait, delivery=delivery)
        # recogniser and generator load when they first hear something, which is no part of the delay
        warm = model.stream(portrait=portrait, delivery=delivery)
        warm.push(np.zeros(round((stream.look_ahead_s + BLOCK_S) * SAMPLE_RATE), np.float32))
        clock = FirstFrame()
        bases = stream_bases(portrait, stream, stream_audio(options.audio, block_s=BLOCK_S), clock=clock)
        look_ahead_s = stream.look_ahead_s
        report = speak_film(portrait, bases, options.output, clock=clock, look_ahead_s=look_ahead_s, **common)
    else:
        stream = model.whole(portrait=portrait, delivery=delivery, n_frames=total)
        bases = stream_bases(portrait, stream, stream_audio(options.audio))
        report = speak_film(portrait, bases, options.output, **common)
    _tell(report, model=model, as_json=options.json)


def _tell(report: SpeakReport, *, model: SpeechModel, as_json: bool) -> None:
    """The cost of the film by stage: seconds of work, and per second of film."""
    stages = {name: (report.seconds.get(name, 0.0), report.real_time_factor(name)) for name in STAGES}
    total = sum(seconds for seconds, _ in stages.values())
    if as_json:
        write_json(
            {
                "model": model.name,
                "frames": report.frames,
                "duration_s": round(report.duration_s, 3),
                "stages": {n: {"seconds": round(s, 3), "rtf": round(f, 4)} for n, (s, f) in stages.items()},
                "total": {"seconds": round(total, 3), "rtf": round(report.total_factor, 4)},
                "first_frame_s": round(report.first_frame_s, 3),
                "look_ahead_s": report.look_ahead_s,
            }
        )
        return
    rows = [(name, seconds, factor) for name, (seconds, factor) in stages.items()]
    write_table(("stage", "seconds", "RTF"), [*rows, ("total", total, report.total_factor)])
    if report.look_ahead_s is not None:
        delay = (
            f"{1000 * report.first_frame_s:.0f} ms after its last sound, {report.look_ahead_s:.2f} s of sound ahead"
        )
        sys.stdout.write(f"first frame: {delay}\n")
