"""Which renderer draws on this machine, why, and what is known about the neural one."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import StudioError
from pipelines.render.base import Renderer, RendererName
from pipelines.render.neural_choice import NeuralChoice, choose_neural, survey
from pipelines.render.trt.package import has_driver

VARIABLE = "DITTO_RENDERER"
"""Set to "mesh", the neural renderer is left for stills."""
STILLS = "Its weights are here. It draws stills, on a CPU in about 15 s each."


@dataclass(frozen=True)
class Choice:
    """The renderer to edit with, and the neural one beside it."""

    renderer: Renderer
    neural: NeuralChoice
    """What is known of the neural renderer; its networks are loaded only where that was needed to choose."""
    fallback: bool = False
    """Whether a better renderer should draw but cannot."""


def choose(asked: RendererName | None = None, *, folder: Path | None = None) -> Choice:
    """The renderer asked for, or the best live one: neural where weights and a GPU are, mesh everywhere else.

    Without weights or without a GPU nothing heavy is imported and no weight is read.

    Raises:
        StudioError: the neural renderer was asked for but weights are missing or bad.
    """
    if asked == "neural":
        neural = choose_neural(folder)
        if neural.renderer is None:
            raise StudioError(f"The neural renderer has no weights here: run `{neural.command}` ({neural.cost}).")
        return Choice(neural.renderer, neural)
    neural = look(folder)
    if asked == "mesh" or os.environ.get(VARIABLE) == "mesh":
        return Choice(_mesh("It was asked for."), neural)
    if not neural.has_weights:
        return Choice(_mesh("It draws on any CPU; the neural renderer has no weights here."), neural)
    if not may_have_gpu():
        return Choice(_mesh("It draws live on the CPU; the neural renderer needs a GPU for that."), neural)
    try:
        neural = choose_neural(folder)
    except (StudioError, RuntimeError) as error:
        return fall_back(error, folder=folder)
    if neural.renderer is None or not neural.live:
        return Choice(_mesh(f"The neural renderer is too slow to edit with here: {neural.reason}"), neural)
    return Choice(neural.renderer, neural)


def fall_back(error: Exception, *, folder: Path | None = None) -> Choice:
    """The mesh renderer in place of a neural one that failed, saying so."""
    cause = str(error).partition("\n")[0]
    return Choice(_mesh(f"The neural renderer does not start here: {cause}"), look(folder), fallback=True)


def look(folder: Path | None = None) -> NeuralChoice:
    """What can be said of the neural renderer without reading its weights."""
    return survey(folder) or NeuralChoice(None, False, STILLS)


def may_have_gpu() -> bool:
    """Whether asking torch for a GPU is worth its import."""
    return sys.platform == "darwin" or has_driver()


def _mesh(reason: str) -> Renderer:
    from pipelines.render.mesh.renderer import MeshRenderer

    return MeshRenderer(reason=reason)
