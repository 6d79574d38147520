"""The page: parts, native panels and what connects them; how it is launched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import gradio as gr

from studio.bench_routes import bench_routes
from studio.clip_routes import clip_routes
from studio.document_routes import document_routes
from studio.drive_routes import drive_routes
from studio.events import Wiring
from studio.live import live_routes, server_function
from studio.mask_routes import mask_routes
from studio.page import page_data
from studio.panels.api import build_api
from studio.panels.bench import build_bench_panel
from studio.panels.export import build_export_panel
from studio.panels.expression import build_expression_panel, unedited_figure
from studio.panels.portrait import build_portrait_panel, open_session
from studio.panels.poses import build_poses_panel
from studio.panels.speech import build_speech_panel
from studio.pose_routes import pose_routes
from studio.services import Services
from studio.source_routes import source_routes
from studio.speech_stream import speech_routes
from studio.stage.bundle import page_head
from studio.stage.part import part
from studio.theme import studio_theme
from studio.wording import NATIVE_TEXTS

TITLE = "Ditto Motion Studio"
STAGE_EVENTS = ("commit", "pick_example", "pick_face")
CACHE_SWEEP_SECS = 600
CACHE_AGE_SECS = 3600
MAX_UPLOAD = "64mb"
FIRST_PICTURE_SECS = 1.0
MAX_QUEUE = 64


async def pause() -> None:
    """The time in which the first picture reaches the page."""
    await asyncio.sleep(FIRST_PICTURE_SECS)


def build_page(services: Services) -> gr.Blocks:
    """The whole page; nothing is computed before a visitor comes."""
    cache = (CACHE_SWEEP_SECS, CACHE_AGE_SECS)
    with gr.Blocks(
        title=TITLE, fill_width=True, fill_height=True, analytics_enabled=False, delete_cache=cache
    ) as page:
        token = gr.State(None)
        with gr.Column(elem_id="studio"):
            part("bar", data=page_data(services.choice, speech=services.speech.offer()))
            stage = part("stage", events=STAGE_EVENTS, server_functions=[server_function(services)])
            part("time")
            part("rail")
            wiring = Wiring(services=services, stage=stage, token=token)
            with gr.Column(elem_id="st-side"):
                part("panels")
                build_portrait_panel(wiring)
                plot = build_expression_panel(wiring)
                build_poses_panel(wiring)
                voice = build_speech_panel(wiring)
                build_bench_panel(wiring)
                build_export_panel(wiring)
        build_api(services)

        def welcome(request: gr.Request) -> Iterator[tuple[str | None, str]]:
            yield from open_session(services, request.query_params.get("portrait"))

        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 4}
        opened = page.load(welcome, None, [stage, token], **quiet)
        # scripts of the voice and the plot are large: they come after the first picture
        drawn = opened.then(pause, None, None, **quiet)
        drawn.then(unedited_figure, None, plot, **quiet)
        if voice is not None:
            drawn.then(lambda: gr.update(visible=True), None, voice, **quiet)
    page.queue(max_size=MAX_QUEUE)
    return page


def launch_options(services: Services) -> dict[str, Any]:
    """Keyword arguments for `Blocks.launch`; address and port come from Gradio's environment variables."""
    return {
        "theme": studio_theme(),
        "head": page_head(),
        "i18n": gr.I18n(en=NATIVE_TEXTS),
        "app_kwargs": {
            "routes": [
                *live_routes(services),
                *mask_routes(services),
                *source_routes(services),
                *clip_routes(services),
                *document_routes(services),
                *drive_routes(services),
                *pose_routes(services),
                *bench_routes(services),
                *speech_routes(services),
            ]
        },
        # with server-side rendering Gradio's proxy drops WebSockets
        "ssr_mode": False,
        "run_history": False,
        "footer_links": [],
        "show_error": False,
        "strict_cors": True,
        "max_file_size": MAX_UPLOAD,
        "enable_monitoring": False,
    }
