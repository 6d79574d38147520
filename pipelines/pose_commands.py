"""`python -m pipelines pose list | write | neutral | match`: edits from the pose library and from photos."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipelines.console import write_json, write_table
from pipelines.edit_options import add_edit_options, parse_settings, read_edit
from pipelines.errors import StudioError


def add_commands(commands: Any) -> None:
    """Add `pose` to the sub-commands of the command line."""
    parser = commands.add_parser("pose", help="edits from the pose library, or from what a photo shows")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the starter set")
    listing.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    listing.set_defaults(run=_run_list)

    write = actions.add_parser("write", help="lay a pose on an edit and write the edit file")
    write.add_argument("pose", metavar="POSE", help="as `list` shows, or a pose or edit file")
    write.add_argument("--mirror", action="store_true", help="exchange left and right")
    write.add_argument("--blend", metavar="POSE", help="mix with another pose")
    write.add_argument("--share", type=float, default=0.5, metavar="X", help="of the other pose, 0 to 1")
    add_edit_options(write)
    write.set_defaults(run=_run_write)

    neutral = actions.add_parser("neutral", help="the edit that takes away the expression a photo shows")
    neutral.add_argument("photo", type=Path, metavar="PHOTO")
    neutral.set_defaults(run=_run_neutral)

    match = actions.add_parser("match", help="the edit that gives a photo the expression of another one")
    match.add_argument("photo", type=Path, metavar="PHOTO")
    match.add_argument("other", type=Path, metavar="OTHER")
    match.add_argument("--head", action="store_true", help="take over the head pose too")
    match.set_defaults(run=_run_match)
    for action in (write, neutral, match):
        action.add_argument("--strength", type=float, default=1.0, metavar="X", help="0 to 1, default 1")
        action.add_argument(
            "--region", action="append", default=[], metavar="NAME=X", help="weight, as region_mouth=0"
        )
        action.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the edit file")


def _run_list(options: argparse.Namespace) -> None:
    from pipelines.motion.presets import starter_poses

    poses = starter_poses()
    if options.json:
        write_json({"poses": [{"key": p.key, "label": p.label, "values": p.edit.values()} for p in poses]})
        return
    write_table(("pose", "label", "group"), [(pose.key, pose.label, pose.group) for pose in poses])


def _run_write(options: argparse.Namespace) -> None:
    from pipelines.motion.edit import mirror_edit
    from pipelines.motion.presets import apply_pose, blend_poses

    pose = _pose_of(options.pose)
    if options.blend is not None:
        pose = blend_poses(pose, _pose_of(options.blend), options.share)
    if options.mirror:
        pose = mirror_edit(pose)
    regions = parse_settings(options.region)
    _write(options.output, apply_pose(read_edit(options), pose, strength=options.strength, regions=regions))


def _run_neutral(options: argparse.Namespace) -> None:
    from pipelines.motion.match import neutralise

    regions = parse_settings(options.region)
    _write(options.output, neutralise(_portrait(options.photo), strength=options.strength, regions=regions))


def _run_match(options: argparse.Namespace) -> None:
    from pipelines.motion.match import match_expression

    photo, other = _portrait(options.photo), _portrait(options.other)
    regions = parse_settings(options.region)
    edit = match_expression(photo, other, strength=options.strength, regions=regions, head=options.head)
    _write(options.output, edit)


def _pose_of(text: str) -> Any:
    """The edit of a starter pose, a pose file or an edit file, with emotions written out, so that regions can act."""
    from pipelines.motion.edit import Edit
    from pipelines.motion.presets import Pose, emotions_as_controls, find_pose

    path = Path(text)
    if path.suffix.lower() != ".json":
        return find_pose(text).edit
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudioError(f"`pose` should be the key of a pose or a readable file: {path}") from error
    edit = Pose.from_json(content).edit if '"ditto-pose"' in content else Edit.from_json(content)
    return emotions_as_controls(edit)


def _portrait(photo: Path) -> Any:
    from pipelines.portrait.load import load_photo
    from pipelines.portrait.register import register

    return register(load_photo(photo))


def _write(path: Path, edit: Any) -> None:
    from pipelines.files import write_atomic

    write_atomic(path, edit.to_json().encode())
