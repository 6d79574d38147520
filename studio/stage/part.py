"""One region of the page as a Gradio component. All parts share `window.studio` (the scripts of this folder)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import gradio as gr

ALL_TOLD = "async (...inputs) => { await window.studio.project.told(); return inputs; }"
"""For `js` of an event: before the server writes, it knows the last edit and the moment that shows."""


def part(name: str, *, events: Sequence[str] = (), server_functions: Sequence[Callable] = (), **props: Any) -> gr.HTML:
    """A component that mounts itself with `window.studio.mount(name, element, props, trigger, server, watch)`.

    Its value is JSON text, which the script reads again whenever Python changes it. (A function and not a subclass:
    Gradio writes a stub file beside the source of every component class.)

    Args:
        name: element id is `st-<name>`.
        events: names the script may trigger; `part.<event>(fn)` listens in Python.
        props: static data for the script.
    """
    # Gradio offers an event only if its quoted name stands in this script
    names = ", ".join(f"'{event}'" for event in events)
    return gr.HTML(
        html_template=f"<div class='st-part' data-part='{name}'></div>",
        js_on_load=f"window.studio.mount('{name}', element, props, trigger, server, watch, [{names}])",
        apply_default_css=False,
        elem_id=f"st-{name}",
        server_functions=list(server_functions) or None,
        **props,
    )


def heading(title: str, note: str = "") -> gr.HTML:
    """Section heading above native components, in the page's own style."""
    markup = f"<div class='sec'><header><h3>{escape(title)}</h3><small>{escape(note)}</small></header></div>"
    return gr.HTML(markup, apply_default_css=False, elem_classes=["st-heading"])
