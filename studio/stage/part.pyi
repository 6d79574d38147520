"""One region of the page as a Gradio component. All parts share `window.studio` (the scripts of this folder)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from gradio.events import Dependency

class Part(gr.HTML):
    """Mounts itself with `window.studio.mount(name, element, props, trigger, server, watch)`."""

    def __init__(
        self,
        name: str,
        *,
        value: str | None = None,
        events: Sequence[str] = (),
        server_functions: Sequence[Callable] = (),
        **props: Any,
    ) -> None:
        """
        Args:
            name: element id is `st-<name>`.
            value: JSON text; the script reads it again whenever Python changes it.
            events: names the script may trigger; `part.<event>(fn)` listens in Python.
            props: static data for the script.
        """
        # Gradio offers an event only if its quoted name stands in this script
        names = ", ".join(f"'{event}'" for event in events)
        super().__init__(
            value=value,
            html_template=f"<div class='st-part' data-part='{name}'></div>",
            js_on_load=f"window.studio.mount('{name}', element, props, trigger, server, watch, [{names}])",
            apply_default_css=False,
            elem_id=f"st-{name}",
            server_functions=list(server_functions) or None,
            **props,
        )
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component