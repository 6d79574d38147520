"""The Bench panel's work, on the job thread: what one control or region moves, and what two settings differ in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipelines.errors import StudioError
from pipelines.motion.controls import resolve
from pipelines.motion.edit import Edit
from studio.jobs import Job
from studio.services import Services
from studio.session import Session
from studio.wording import NO_PORTRAIT

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from pipelines.evaluation.region_bench import Comparison, Sweep

STEPS = (5, 9, 13)
MAX_LABEL = 80


@dataclass(frozen=True)
class BenchResult:
    """What was measured, as the page shows it."""

    record: dict[str, Any]
    """`title`, `figures` [name, value, unit], `head` and `rows` of the table."""
    sheet: bytes = field(repr=False)
    """PNG."""
    csv: str = field(repr=False)
    name: str = "sweep"
    """Of the files, made of our own words only."""


@dataclass(frozen=True)
class SweepOrder:
    """A control to measure from one end of its slider to the other."""

    control: str
    steps: int

    @classmethod
    def of(cls, *, control: object, steps: object) -> SweepOrder:
        """Checked order.

        Raises:
            StudioError: no control has this name, it is a setting, or the number of steps is not offered.
        """
        if not isinstance(control, str):
            raise StudioError(f"`control` should be the name of a control but is {type(control).__name__}; pick one.")
        if resolve(control)[0].control.kind == "setting":
            raise StudioError(f"`control` should be a slider or a region but '{control}' is a setting; pick another.")
        if type(steps) is not int or steps not in STEPS:
            raise StudioError(f"`steps` should be one of {', '.join(map(str, STEPS))} but is {str(steps)[:20]}.")
        return cls(control, steps)


def start_sweep(services: Services, session: Session, order: SweepOrder) -> Job:
    """Begin to measure; the result lies in `session.bench` when the job is done.

    Raises:
        StudioError: no portrait is open, or other long work still runs.
    """
    portrait = session.portrait
    if portrait is None:
        raise StudioError(NO_PORTRAIT)

    def work(job: Job) -> None:
        from pipelines.evaluation.region_bench import sweep_control

        sweep = sweep_control(portrait, services.renderer, order.control, steps=order.steps, progress=job.progress)
        job.check()
        session.bench = sweep_result(sweep)

    return _start(services, session, work)


def start_comparison(services: Services, session: Session, first: Edit, second: Edit) -> Job:
    """Begin to compare two settings on the open portrait; result and errors as `start_sweep`."""
    portrait = session.portrait
    if portrait is None:
        raise StudioError(NO_PORTRAIT)

    def work(job: Job) -> None:
        from pipelines.evaluation.region_bench import compare_edits

        job.progress(0.1, "drawing both")
        comparison = compare_edits(portrait, services.renderer, first, second)
        job.progress(0.9, "drawing the sheet")
        session.bench = comparison_result(comparison, portrait.landmarks_in_crop)

    return _start(services, session, work)


def _start(services: Services, session: Session, work: Any) -> Job:
    job = services.jobs.start("bench", work, current=session.job)
    session.job = job
    return job


# ---- results ----
def sweep_result(sweep: Sweep) -> BenchResult:
    """Figures, table, sheet and CSV of a sweep."""
    from pipelines.evaluation.region_sheet import sweep_sheet

    control = resolve(sweep.key)[0].control
    leakage = None if sweep.leakage is None else round(100 * sweep.leakage, 2)
    figures = [
        ["Leakage", leakage, "% of the change outside its regions"],
        ["Monotonicity", round(100 * sweep.monotonicity, 1), "% of the steps go one way"],
        ["Symmetry", round(sweep.symmetry, 3), "1 is a mirror image"],
    ]
    rows = sweep.rows()
    record = {
        "kind": "sweep",
        "control": sweep.key,
        "unit": control.unit,
        "figures": figures,
        "head": [name.removesuffix("_pct") for name in rows[0]],
        "rows": [[round(value, 3) for value in row.values()] for row in rows],
    }
    return BenchResult(record, _png(sweep_sheet(sweep)), sweep.csv(), f"sweep-{sweep.key}")


def comparison_result(comparison: Comparison, landmarks_in_crop: Any) -> BenchResult:
    """Figures, table, sheet and CSV of two settings."""
    from pipelines.evaluation.region_sheet import comparison_sheet

    regions: Mapping[str, float] = comparison.by_region
    figures = [
        ["Changed", round(100 * comparison.changed_share, 2), "% of the pixels"],
        ["Largest change", comparison.worst_levels, "grey levels of 255"],
    ]
    rows = [[region, round(value, 3)] for region, value in regions.items()]
    record = {"kind": "compare", "figures": figures, "head": ["region", "moved"], "rows": rows}
    lines = ["region,moved_pct", *(f"{region},{value}" for region, value in regions.items())]
    sheet = _png(comparison_sheet(comparison, landmarks_in_crop))
    return BenchResult(record, sheet, "\n".join(lines) + "\n", "comparison")


def _png(picture: Any) -> bytes:
    from pipelines.files import encode_picture

    return encode_picture(picture, ".png")


def bench_figure(result: BenchResult) -> Figure:
    """Movement along a sweep and by region, or by region between two settings; % of eye distance."""
    import plotly.graph_objects as go

    record = result.record
    figure = go.Figure()
    if record["kind"] == "sweep":
        head, rows = record["head"], record["rows"]
        scale = 100 if record["unit"] == "%" else 1
        for column, name in enumerate(head[1:-1], 1):
            figure.add_scatter(
                x=[scale * row[0] for row in rows],
                y=[row[column] for row in rows],
                mode="lines+markers",
                name="whole sweep" if name == "along" else name,
                hovertemplate="%{x:.3g}: %{y:.2f} % of eye distance",
            )
        title = f"{resolve(record['control'])[0].control.label}, {record['unit']}"
    else:
        figure.add_bar(
            x=[row[0] for row in record["rows"]],
            y=[row[1] for row in record["rows"]],
            hovertemplate="%{x}: %{y:.2f} % of eye distance<extra></extra>",
        )
        title = "From B to A"
    figure.update_layout(
        height=300,
        margin={"l": 44, "r": 8, "t": 8, "b": 44},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "IBM Plex Sans, system-ui, sans-serif", "size": 11},
        xaxis={"title": title},
        yaxis={"title": "% of eye distance"},
        legend={"orientation": "h", "y": -0.28},
        hovermode="closest",
    )
    return figure
