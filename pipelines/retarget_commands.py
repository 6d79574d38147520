"""`python -m pipelines retarget PHOTO DRIVER -o OUTPUT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from pipelines.console import show_progress
from pipelines.edit_options import add_edit_options, parse_settings, read_edit
from pipelines.errors import StudioError
from pipelines.motion.smoothing import SMOOTHERS, Smoothing
from pipelines.render.base import RendererName
from pipelines.retarget import Extractor, RetargetOptions, read_driver, retarget


def add_commands(commands: Any) -> None:
    """Add `retarget` to the sub-commands of the command line."""
    parser = commands.add_parser("retarget", help="let a film, a LivePortrait template or an ARKit CSV drive a photo")
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument(
        "driver", type=Path, metavar="DRIVER", help="video, .npz, .json, .pkl (template) or .csv (ARKit)"
    )
    parser.add_argument("--face", type=int, default=0, metavar="N", help="which face of the photo, 0 = the largest")
    parser.add_argument("--absolute", action="store_true", help="take the driver's own expression, not its change")
    parser.add_argument("--strength", type=float, default=1.0, metavar="X", help="0 to 2, default 1")
    parser.add_argument(
        "--region",
        action="append",
        default=[],
        metavar="NAME=X",
        help="factor 0 to 2 of a region, as region_mouth=0.5",
    )
    parser.add_argument("--smooth", default="none", metavar="KIND[=X]", help=f"{', '.join(SMOOTHERS)}; X scales it")
    parser.add_argument("--rest", type=int, default=None, metavar="N", help="frame of the driver that counts as rest")
    parser.add_argument("--extractor", choices=get_args(Extractor), default="landmarks", help="how a film is read")
    parser.add_argument("--fps", type=float, default=None, metavar="N", help="of the output (default: the driver's)")
    add_edit_options(parser)
    parser.add_argument("--area", choices=("crop", "photo"), default="crop", help="what to draw (default: crop)")
    parser.add_argument("--size", type=int, metavar="PX", help="side of the drawn face")
    parser.add_argument("--renderer", choices=get_args(RendererName), help="default: the best that draws live here")
    parser.add_argument("--sound", type=Path, metavar="FILE", help="sound of the film (default: the driver's own)")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help=".mp4, .gif, .webp, .apng, .webm, .zip, or motion: .npz, .json, .pkl, .csv",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    from pipelines.animation import check_moving_path
    from pipelines.motion.edit import apply_edit
    from pipelines.motion.exchange import FORMATS, write_track
    from pipelines.motion.track import Track
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register

    wanted = RetargetOptions(
        relative=not options.absolute,
        strength=options.strength,
        regions=parse_settings(options.region),
        smoothing=Smoothing.parse(options.smooth),
        rest_frame=options.rest,
    )
    edit = read_edit(options)
    as_motion = options.output.suffix.lower() in FORMATS
    if not as_motion:
        check_moving_path(options.output)
    portrait = register(load_photo(options.photo), face_index=options.face)
    driver = read_driver(options.driver, extractor=options.extractor, progress=show_progress)
    track = retarget(driver, portrait, wanted)
    track = track.resampled(track.fps if options.fps is None else options.fps)
    if as_motion:
        if not edit.is_default:
            moved = apply_edit(portrait, track.base(portrait), edit)
            track = Track(moved, track.fps, label=track.label, reference=portrait.motion)
        write_track(options.output, track)
        return
    _write_film(options, track, portrait, edit)


def _write_film(options: argparse.Namespace, track: Any, portrait: Any, edit: Any) -> None:
    from pipelines.animation import write_moving
    from pipelines.render import choose_renderer
    from pipelines.render.sequence import render_sequence
    from pipelines.retarget import VIDEO_SUFFIXES

    sound = options.sound
    if sound is None and options.driver.suffix.lower() in VIDEO_SUFFIXES and has_sound(options.driver):
        sound = options.driver
    frames = render_sequence(
        portrait,
        track.frames(portrait),
        edit,
        area=options.area,
        size=options.size,
        renderer=choose_renderer(options.renderer),
        threads=2,
    )
    write_moving(
        frames,
        options.output,
        fps=track.fps,
        audio=sound,
        total=len(track),
        progress=show_progress,
    )


def has_sound(path: Path) -> bool:
    """Whether a film has a sound track.

    Raises:
        StudioError: it cannot be read.
    """
    import imageio_ffmpeg

    from pipelines.video import ONLY_THIS_FILE

    reader = imageio_ffmpeg.read_frames(str(path), input_params=list(ONLY_THIS_FILE))
    try:
        return bool(next(reader).get("audio_codec"))
    except (OSError, RuntimeError, StopIteration) as error:
        raise StudioError(f"`driver` should be a video file that can be read: {path.name}") from error
    finally:
        reader.close()
