"""The 63 values of an edit against real faces, as a plotly figure; its colours are in studio/stage/native.css."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.motion.control import Control
from pipelines.motion.controls import CONTROLS
from pipelines.motion.edit import Edit, HasSource, apply_edit

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ROW_PX = 14
MILLI = 1e3


def dim_controls() -> list[Control]:
    """All 63 dims: the live ones by region, then the inert ones."""
    dims = [control for control in CONTROLS if control.kind == "dim"]
    regions = list(dict.fromkeys(control.region for control in dims))
    return sorted(dims, key=lambda control: (not control.live, regions.index(control.region), control.dim or 0))


def expression_change(source: HasSource, edit: Edit) -> NDArray[np.float32]:
    """(63,) departure of the edited expression from the photo's, in 10⁻³: mean of both sides of the face."""
    motion = apply_edit(source, source.motion, edit)
    return MILLI * (motion.exp - source.motion.exp).reshape(-1)


def values_figure(change: NDArray[np.float32]) -> Figure:
    """Current values as dots over the 5th..95th percentile of real faces.

    Args:
        change: (63,) from `expression_change`.
    """
    import plotly.graph_objects as go

    controls = dim_controls()
    names = [f"{control.dim} · {control.label}" for control in controls]
    lows, highs = (np.array([(c.band or (0.0, 0.0))[end] for c in controls]) for end in (0, 1))
    values = [round(float(change[c.dim]), 2) for c in controls if c.dim is not None]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=highs - lows,
        base=lows,
        orientation="h",
        width=0.55,
        customdata=np.stack([lows, highs], 1),
        hovertemplate="%{y}<br>real faces %{customdata[0]:.1f} to %{customdata[1]:.1f}<extra></extra>",
    )
    figure.add_scatter(
        y=names,
        x=values,
        mode="markers",
        marker={"size": 7},
        hovertemplate="%{y}<br>%{x:.1f} ×10⁻³<extra></extra>",
    )
    figure.update_layout(**_layout(len(controls)))
    return figure


def _layout(rows: int) -> dict[str, Any]:
    return {
        "height": 40 + ROW_PX * rows,
        "margin": {"l": 4, "r": 8, "t": 4, "b": 24},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "IBM Plex Sans, system-ui, sans-serif", "size": 11},
        "xaxis": {"title": None, "ticksuffix": ""},
        "yaxis": {"range": [rows - 0.4, -0.6], "automargin": True, "tickfont": {"size": 10}},
        "showlegend": False,
        "barmode": "overlay",
        "hovermode": "closest",
        "uirevision": "values",
    }
