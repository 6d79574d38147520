"""Expression panel: the plot of the current values, refreshed when an edit is committed."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.motion.space import N_EXP
from studio.events import Wiring, event_value
from studio.plots import expression_change, values_figure
from studio.session import Session
from studio.stage.part import heading


def build_expression_panel(wiring: Wiring) -> gr.Plot:
    """Mount the plot and listen to the page's commits; returns the plot."""
    with gr.Column(elem_classes=["st-native", "for-expression"]):
        heading("Plot", "dot: this edit · bar: 90 % of real faces · ×10⁻³")
        plot = gr.Plot(show_label=False, elem_id="st-plot")

    plotted = wiring.guarded(_plotted, failed=(gr.skip(),))

    def on_commit(token: str | None, event: gr.EventData) -> Any:
        return plotted(token, event_value(event, "values"))

    # only the newest of several quick commits matters
    wiring.stage.commit(
        on_commit,
        wiring.token,
        [wiring.stage, plot],
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        concurrency_limit=4,
    )
    return plot


def unedited_figure() -> Any:
    """The plot before the first edit."""
    return values_figure(np.zeros(N_EXP, np.float32))


def _plotted(session: Session, values: object) -> tuple[Any, Any]:
    """Draw the committed values; the document has them already."""
    if not isinstance(values, dict):
        raise StudioError("`values` of a commit should be an object of slot values; reload the page.")
    edit = Edit.of(values)
    if session.portrait is None:
        return gr.skip(), gr.skip()
    return gr.skip(), values_figure(expression_change(session.portrait, edit))
