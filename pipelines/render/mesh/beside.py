"""What lies beside a turned face, for the strip that comes into view once it looks at the camera again.

The strip between the silhouette of the face and its oval is hidden at rest. It shows neither a second cheek nor a
second edge of a veil but more of what touches the silhouette: hair beside hair, the scene beside the scene.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.rings import RING_RADII, SEGMENTS, face_centre

Doubles = NDArray[np.float64]
CLEAR_OF_SKIN, MARGIN = 0.03, 0.06
"""Radii outside the silhouette from which no skin shines through, and where its colour is read if nothing else begins
before."""
MARGIN_ENDS = 0.16
"""Radii outside the silhouette at which the rings are read in their own places again."""
LIKE, LIKE_SOFT = 26.0, 0.006
"""Grey levels by which one thing differs from itself at most, and the standard deviation of the average, as a share of
the side, that looks past its grain."""
CLEAR_OF_PERSON, THIN = 0.03, 0.14
"""Alpha of what is no longer the person, and radii outside the silhouette up to which less than this of hair or ear is
left out: the far side of the head takes its place."""
OUT = np.linspace(CLEAR_OF_SKIN, 0.5, 64)
"""Radii outside the silhouette at which is looked."""
SPOKES_AROUND = 5
"""Neighbouring spokes of which the nearest edge counts: beside the strip that one would show in it."""


def uv_turned_back(
    image: NDArray[np.uint8], alpha: NDArray[np.float32], geometry: MeshGeometry
) -> NDArray[np.float32]:
    """(V, 2) px where vertices take their colour when a turned face looks at the camera again.

    The silhouette and the oval behind it are read in the material beside the face: outwards where it is wide enough,
    else back towards the face. Where the scene begins right beside the face they are read in the scene.

    Args:
        image: (S, S, 3) RGB, the picture of `geometry`.
        alpha: (S, S) 0..1 where the person is in it.
    """
    uv = geometry.uv.copy()
    if not geometry.behind.any():
        return uv
    first = geometry.n_face
    silhouette = geometry.vertices[first + SEGMENTS : first + 2 * SEGMENTS, :2]
    spokes = silhouette - face_centre(geometry.landmarks)
    radius = np.linalg.norm(spokes, axis=1)
    alike, scene = _alike(image, silhouette, spokes), _scene(alpha, silhouette, spokes)
    thin = scene < THIN
    margin = np.where(thin, scene, np.minimum(MARGIN, alike)) * geometry.behind
    oval = geometry.vertices[geometry.oval_ids, :2]
    width = np.linalg.norm(silhouette - oval, axis=1) / radius + margin
    outwards, inwards = np.maximum(alike - margin, 0.0), np.maximum(margin - CLEAR_OF_SKIN, 0.0)
    wide = outwards > np.minimum(inwards, 0.5 * width)
    reach = np.where(wide, np.minimum(width, outwards), -np.minimum(width, inwards))
    reach[thin] = width[thin]
    uv[first : first + SEGMENTS] = silhouette + (margin + geometry.behind * reach)[:, None] * spokes
    beyond = np.array(RING_RADII) - 1.0
    for ring, share in enumerate(np.clip(1.0 - beyond / MARGIN_ENDS, 0.0, 1.0)):
        rows = slice(first + (ring + 1) * SEGMENTS, first + (ring + 2) * SEGMENTS)
        uv[rows] += (share * margin[:, None] * spokes).astype(np.float32)
    return uv


def _alike(image: NDArray[np.uint8], silhouette: Doubles, spokes: Doubles) -> Doubles:
    """(72,) radii outside the silhouette up to which the picture shows what it shows right beside it."""
    soft = cv2.GaussianBlur(image, (0, 0), LIKE_SOFT * len(image))
    colour = _outwards(soft, silhouette, spokes).astype(float)
    unlike = np.abs(colour - colour[:, :1]).max(2) > LIKE
    return minimum_filter1d(_first(unlike), SPOKES_AROUND, mode="wrap")


def _scene(alpha: NDArray[np.float32], silhouette: Doubles, spokes: Doubles) -> Doubles:
    """(72,) radii outside the silhouette at which nothing of the person is left."""
    return maximum_filter1d(_first(_outwards(alpha, silhouette, spokes) < CLEAR_OF_PERSON), SPOKES_AROUND, mode="wrap")


def _outwards(picture: NDArray, silhouette: Doubles, spokes: Doubles) -> NDArray:
    """(72, 64, ...) of a picture along every spoke."""
    at = (silhouette[:, None] + OUT[:, None] * spokes[:, None]).astype(np.float32)
    return cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _first(found: NDArray[np.bool_]) -> Doubles:
    """(72,) radii outside the silhouette of the first step that is found, the last if none is."""
    return OUT[np.where(found.any(1), found.argmax(1), len(OUT) - 1)]
