"""Shipped portraits ready to draw, for the tests of the mesh renderer's layers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.assets import PORTRAITS
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.space import Motion
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.types import Portrait
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.renderer import FeatureLayer, MeshHandle, MeshRenderer

RENDERER = MeshRenderer()


@lru_cache(maxsize=3)
def portrait(name: str) -> Portrait:
    """One of the shipped pictures, registered."""
    return register(load_photo(PORTRAITS / f"{name}.jpg"))


def handle(name: str, size: int = 512) -> MeshHandle:
    """The mesh of a shipped picture."""
    return _handle(name, size)


@lru_cache(maxsize=4)
def _handle(name: str, size: int) -> MeshHandle:
    return RENDERER.prepare(portrait(name), size=size)


def edited(name: str, **values: float) -> Motion:
    """The portrait's own motion with an edit."""
    own = portrait(name)
    return apply_edit(own, own.motion, Edit.of(values))


def render(name: str, size: int = 512, **values: float) -> NDArray[np.uint8]:
    """(size, size, 3) picture of an edit."""
    return RENDERER.render(handle(name, size), edited(name, **values))


def largest_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> int:
    """Grey levels between two pictures, in their worst pixel."""
    return int(np.abs(a.astype(int) - b).max())


def drawn(layer: FeatureLayer, image: NDArray[np.uint8], posed: PosedMesh) -> NDArray[np.uint8]:
    """A copy of `image` with one layer painted over it, the skin left where it was."""
    picture = image.copy()
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    layer.draw(picture, posed, (x, y, np.ones_like(x)))
    return picture
