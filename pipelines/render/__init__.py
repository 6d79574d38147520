"""Renderers: from a portrait and a motion to pixels."""

from pipelines.render.base import Renderer, choose_renderer

__all__ = ["Renderer", "choose_renderer"]
