"""The neural renderer in the Export panel: a still on request, or what it takes to get one."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from pipelines.render.neural import Cancelled
from pipelines.render.neural_choice import NeuralChoice
from studio.events import Wiring
from studio.export import PictureOrder
from studio.neural import Switches
from studio.page import AFTERWARDS, Message, renderer_data, stage_value
from studio.session import Session
from studio.stage.part import ALL_TOLD, heading


def build_neural_section(wiring: Wiring, choices: list[Any]) -> None:
    """Mount the section.

    Args:
        choices: the panel's area, format and size.
    """
    with gr.Column(elem_classes=["st-native", "for-export"], elem_id="st-neural"):
        heading("Neural renderer", "area and format as above")
        switches = [
            gr.Checkbox(
                True, label="Keep shoulders and border still (stitching)", visible=False, elem_id="st-stitching"
            ),
            gr.Checkbox(
                False, label="Reach the eye aspect ratio with the eye network", visible=False, elem_id="st-eye-network"
            ),
            gr.Checkbox(
                False,
                label="Close the photo's lips first with the lip network",
                visible=False,
                elem_id="st-lip-network",
            ),
        ]
        with gr.Row():
            draw = gr.Button(
                "Render this still with the neural renderer", interactive=False, size="md", elem_id="st-neural-draw"
            )
            build = gr.Button("Build engines", visible=False, size="md", scale=0, elem_id="st-build-engines")
            cancel = gr.Button("Cancel", visible=False, size="md", scale=0, elem_id="st-neural-cancel")
        note = gr.HTML(apply_default_css=False, elem_classes=["st-note"])
        picture = gr.Image(
            label="Neural still",
            type="filepath",
            interactive=False,
            show_label=False,
            visible=False,
            buttons=["download", "fullscreen"],
            elem_id="st-neural-still",
        )
    section = _Section(wiring, [draw, build, cancel, note, picture])
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    gr.on(None, section.show, None, section.outputs, **quiet)
    gr.on(None, lambda: [gr.update(visible=section.has_weights)] * len(switches), None, switches, **quiet)
    cancel.click(section.stop, wiring.token, cancel, queue=False, **quiet)
    heavy: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 1, "concurrency_id": "neural"}
    outputs = [wiring.stage, *section.outputs]
    draw.click(section.begin, wiring.token, section.outputs, queue=False, js=ALL_TOLD, **quiet).then(
        section.draw, [wiring.token, *choices, *switches], outputs, show_progress_on=picture, **heavy
    )
    build.click(section.begin, wiring.token, section.outputs, queue=False, **quiet).then(
        section.build, wiring.token, outputs, show_progress_on=picture, **heavy
    )


class _Section:
    """What the buttons do. Updates come in the order of `outputs`."""

    def __init__(self, wiring: Wiring, outputs: list[Any]) -> None:
        self.wiring = wiring
        self.services = wiring.services
        self.outputs = outputs
        """Draw, build, cancel, note, picture."""

    @property
    def has_weights(self) -> bool:
        """Whether a still can be drawn, so that switches mean something."""
        return self.services.choice.neural.has_weights

    def show(self, picture: Any = None) -> tuple[Any, ...]:
        """The section at rest, with a finished picture or without."""
        offer = self.services.choice.neural
        return (
            gr.update(interactive=offer.has_weights),
            gr.update(interactive=True, visible=offer.action == "build"),
            gr.update(visible=False),
            gr.update(value=note_markup(offer)),
            gr.update(value=picture, visible=picture is not None),
        )

    def begin(self, token: str | None) -> tuple[Any, ...]:
        """The section while something is on its way."""
        session = self.services.store.find(token)
        if session is not None:
            session.stopped.clear()
        still = gr.update(interactive=False)
        return still, still, gr.update(visible=True, interactive=True), gr.skip(), gr.update(value=None, visible=True)

    def stop(self, token: str | None) -> Any:
        """What runs ends at its next step."""
        session = self.services.store.find(token)
        if session is not None:
            session.stopped.set()
        return gr.update(interactive=False)

    def draw(
        self,
        token: str | None,
        area: str,
        format: str,
        size: int,
        stitching: bool = True,
        retarget_eyes: bool = False,
        close_lips: bool = False,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Any:
        def work(session: Session) -> tuple[Any, ...]:
            order = PictureOrder.of(area=area, format=format, size=size or None)
            switches = Switches(stitching, retarget_eyes, close_lips)
            path = self.services.neural.draw(session, order, switches=switches, progress=_told(progress))
            return gr.skip(), *self.show(str(path))

        return self._guarded(work, token)

    def build(self, token: str | None, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008
        def work(session: Session) -> tuple[Any, ...]:
            self.services.neural.build(session, progress=_told(progress))
            choice = self.services.choose_again()
            message = Message(f"The engines are ready; {choice.renderer.name} draws from now on.", kind="info")
            return stage_value(session, message=message, renderer=renderer_data(choice)), *self.show()

        return self._guarded(work, token)

    def _guarded(self, work: Any, token: str | None) -> Any:
        def stoppable(session: Session) -> tuple[Any, ...]:
            try:
                return work(session)
            except Cancelled:
                return gr.skip(), *self.show()

        return self.wiring.guarded(stoppable, failed=self.show())(token)


def note_markup(offer: NeuralChoice) -> str:
    """One line on what the neural renderer does here, and the command where it needs one."""
    text = f"<p class='hint'>{escape(offer.reason)}</p>"
    if offer.command is None:
        return text
    cost = f"{offer.cost}. {AFTERWARDS}"
    return f"{text}<code class='command'>{escape(offer.command)}</code><p class='hint'>{escape(cost)}</p>"


def _told(progress: gr.Progress) -> Any:
    def report(done: float, text: str) -> None:
        progress(done, desc=text[:1].upper() + text[1:])

    return report
