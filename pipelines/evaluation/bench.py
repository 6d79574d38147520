"""`make bench`: speed and memory, as CPU time or as ratios wherever the clock of a noisy machine would lie."""

from __future__ import annotations

from typing import Any

Report = dict[str, list[dict[str, Any]]]


def run_bench(what: str = "all") -> Report:
    """All figures, by title. `what` is "render", "page", "speech", "neural" (minutes) or "all" (without neural)."""
    report: Report = {}
    if what in ("all", "render"):
        from pipelines.evaluation.bench_render import bench_render

        report |= bench_render()
    if what in ("all", "page"):
        from pipelines.evaluation.bench_page import bench_page

        report["Page, headless Chromium"] = bench_page()
    if what in ("all", "speech"):
        from pipelines.evaluation.bench_speech import bench_speech

        report |= bench_speech()
    if what == "neural":
        from pipelines.console import show_progress
        from pipelines.evaluation.bench_neural import bench_neural

        report |= bench_neural(progress=show_progress)
    return report
