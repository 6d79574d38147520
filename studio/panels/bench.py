"""Bench panel: the plot of what was measured. Orders, figures and the sheet are the page's."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.bench import bench_figure
from studio.events import Wiring
from studio.session import Session
from studio.stage.part import heading, part


def build_bench_panel(wiring: Wiring) -> None:
    """Mount the plot, which shows once something was measured."""
    panel = part("bench", events=("measured",))
    with gr.Column(elem_classes=["st-native", "for-bench"], visible=False) as place:
        heading("Plot", "movement in % of eye distance")
        plot = gr.Plot(show_label=False, elem_id="st-bench-plot")

    def show(session: Session) -> tuple[Any, ...]:
        result = session.bench
        if result is None:
            return gr.skip(), gr.skip(), gr.skip()
        return gr.skip(), gr.update(visible=True), bench_figure(result)

    panel.measured(
        wiring.guarded(show, failed=(gr.skip(), gr.skip())),
        wiring.token,
        [wiring.stage, place, plot],
        show_progress="hidden",
        api_visibility="private",
    )
