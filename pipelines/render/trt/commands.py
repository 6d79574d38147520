"""`python -m pipelines engines …`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.console import show_progress, write_json, write_table
from pipelines.errors import StudioError
from pipelines.render.trt.cache import EngineCache
from pipelines.render.trt.package import Target, choose_target, installed_packages

if TYPE_CHECKING:
    from pipelines.networks.bundle import Networks


def add_commands(commands: Any) -> None:
    """Add `engines build | check | list | clear | selftest` to the sub-commands of the command line."""
    parser = commands.add_parser("engines", help="TensorRT engines: build, check, list, clear, selftest")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, run, text in (
        ("build", _run_build, "build what is missing or stale"),
        ("check", _run_check, "say which engines are ready"),
        ("list", _run_list, "list every engine file"),
        ("clear", _run_clear, "delete every engine file"),
        ("selftest", _run_selftest, "accuracy against torch, speed and memory on this GPU, as a table"),
    ):
        action = actions.add_parser(name, help=text)
        action.set_defaults(run=run)
        action.add_argument("--folder", type=Path, default=None, metavar="DIR", help="default: $DITTO_ENGINES")
        action.add_argument("--json", action="store_true", help="one JSON object instead of a table")
        if name in ("build", "check", "selftest"):
            action.add_argument(
                "--weights", type=Path, default=None, metavar="DIR", help="default: $DITTO_CHECKPOINTS"
            )
            action.add_argument("--random-weights", action="store_true", help="measure before any weights are here")
            action.add_argument("--single", action="store_true", help="single precision throughout")
            action.add_argument("--transformer", action="store_true", help="Ditto's motion transformer too")
        if name in ("build", "check"):
            action.add_argument("--target", metavar="SM", help="build for another GPU, such as SM89 (tensorrt_rtx)")
        if name == "build":
            action.add_argument("--again", action="store_true", help="also what is fresh")


def _target(options: argparse.Namespace) -> Target:
    """The GPU at hand, or the one asked for.

    Raises:
        StudioError: there is none.
    """
    asked = getattr(options, "target", None)
    if asked is None:
        target, reason = choose_target()
        if target is None:
            raise StudioError(reason)
        return target
    for package in installed_packages():
        if asked in package.capabilities():
            return Target(package, asked)
    raise StudioError(f"`--target {asked}` needs TensorRT for RTX with that GPU: run `pip install tensorrt-rtx`.")


def _networks(options: argparse.Namespace) -> Networks:
    from pipelines.networks.bundle import Networks

    if options.random_weights:
        return Networks.seeded(transformer=options.transformer)
    from pipelines.checkpoints.loading import load_networks

    return load_networks(options.weights, transformer=options.transformer, progress=show_progress)


def _run_build(options: argparse.Namespace) -> None:
    from pipelines.render.trt.engines import build_engines

    target, cache = _target(options), EngineCache(options.folder)
    networks = _networks(options)
    statuses = build_engines(
        networks, target, cache, half=not options.single, again=options.again, progress=show_progress
    )
    _write_statuses(statuses, options.json)


def _run_check(options: argparse.Namespace) -> None:
    from pipelines.render.trt.engines import check_engines

    target, cache = _target(options), EngineCache(options.folder)
    _write_statuses(check_engines(_networks(options), target, cache, half=not options.single), options.json)


def _run_list(options: argparse.Namespace) -> None:
    rows = [
        (
            e.key.graph,
            e.key.capability,
            f"{e.key.package} {e.key.version}",
            e.key.precision,
            e.size / 1e6,
            e.signed_here,
        )
        for e in EngineCache(options.folder).entries()
    ]
    head = ("graph", "gpu", "package", "precision", "megabytes", "signed_here")
    if options.json:
        write_json({"engines": [dict(zip(head, row, strict=True)) for row in rows]})
        return
    write_table(head, rows)


def _run_clear(options: argparse.Namespace) -> None:
    count = EngineCache(options.folder).clear()
    if options.json:
        write_json({"deleted": count})
        return
    write_table(("deleted",), [(count,)])


def _run_selftest(options: argparse.Namespace) -> None:
    from pipelines.render.trt.selftest import selftest

    target, cache = _target(options), EngineCache(options.folder)
    report = selftest(_networks(options), target, cache, half=not options.single, progress=show_progress)
    if options.json:
        write_json(report)
        return
    write_table(("machine", ""), list(report["machine"].items()))
    head = ("graph", "error", "limit", "ok", "torch_ms", "engine_ms", "buffers_mb")
    write_table(head, [tuple(row[name] for name in head) for row in report["graphs"]])


def _write_statuses(statuses: list[Any], as_json: bool) -> None:
    rows = [(s.spec.name, s.state, s.key.capability, s.key.precision, s.key.file_name) for s in statuses]
    head = ("graph", "state", "gpu", "precision", "file")
    if as_json:
        write_json({"engines": [dict(zip(head, row, strict=True)) for row in rows]})
        return
    write_table(head, rows)
