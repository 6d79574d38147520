"""The strip beside a cheek that turns into view shows more of what touches the face."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipelines.render.mesh.beside import uv_turned_back
from pipelines.render.mesh.rings import SEGMENTS, face_centre

from .mesh_case import handle


def strip(picture: np.ndarray, name: str = "la_velata") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours (n, 9, 3) across the strip of one portrait's mesh over `picture`, its source width and its own, px."""
    geometry = handle(name).geometry
    person = np.ones(picture.shape[:2], np.float32)
    uv, first = uv_turned_back(picture, person, geometry), geometry.n_face
    hidden = np.flatnonzero(geometry.behind > 0.99)
    oval, silhouette = uv[first + hidden], uv[first + SEGMENTS + hidden]
    at = oval[:, None] + np.linspace(0, 1, 9, dtype=np.float32)[:, None] * (silhouette - oval)[:, None]
    rest = geometry.vertices[first + SEGMENTS + hidden] - geometry.vertices[geometry.oval_ids[hidden]]
    widths = np.linalg.norm(silhouette - oval, axis=1), np.linalg.norm(rest[:, :2], axis=1)
    return cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR), *widths


@pytest.mark.parametrize("hair", [0.06, 0.09, 0.2])
def test_hair_beside_the_face_goes_on_and_no_second_veil_appears(hair: float) -> None:
    """Hair of `hair` radii beside the silhouette, then a bright veil."""
    geometry = handle("la_velata").geometry
    centre = face_centre(geometry.landmarks)
    silhouette = geometry.vertices[geometry.n_face + SEGMENTS : geometry.n_face + 2 * SEGMENTS, :2] - centre
    picture = np.full_like(handle("la_velata").image, 200)
    inside = np.round(centre + (1.0 + hair) * silhouette).astype(np.int32)
    cv2.fillPoly(picture, [inside], (30, 25, 20))
    shown, _, _ = strip(picture)
    assert shown.max() < 60


def test_a_scene_beside_the_face_goes_on_unstretched() -> None:
    _, source_px, own_px = strip(np.full_like(handle("mona_lisa").image, 90), "mona_lisa")
    assert (source_px > 0.9 * own_px).all()


def test_the_rings_around_a_turned_back_face_are_read_without_streaks() -> None:
    """The Mona Lisa's hair: no ring shows less of the photo than a third of its own width."""
    case = handle("mona_lisa")
    first, hidden = case.geometry.n_face, np.flatnonzero(case.geometry.behind > 0.99)
    rings = [first + k * SEGMENTS + hidden for k in range(1, 6)]
    for inner, outer in pairwise(rings):
        read, own = (np.linalg.norm(at[outer] - at[inner], axis=1) for at in (case.uv_turned_back, case.geometry.uv))
        assert (read > own / 3).all()
