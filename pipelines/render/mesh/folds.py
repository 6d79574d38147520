"""Folds of the skin that an expression presses together: beside the mouth, on the forehead, at brows and eyes.

Without them a strong smile looks like rubber. Every fold is a line on the face with a shading profile made once per
portrait; how far the skin across it is compressed says how much of it shows. At rest nothing is compressed and nothing
is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from pipelines.motion.atlas import load_atlas
from pipelines.portrait.topology import N_MESH
from pipelines.render.mesh.geometry import MeshGeometry
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.kernels import crease
from pipelines.render.mesh.posed import PosedMesh
from pipelines.render.mesh.skin import skin_share

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rect = tuple[int, int, int, int]

FIELD_SIZE = 512
"""Largest side of the field that holds the profiles; folds are soft, larger pictures read it in between."""
NASOLABIAL = (129, 203, 206, 216, 212)
"""Beside the wing of the nose down to beside the corner of the mouth, subject's right."""
CHEEK_PRESSED = (61, 50)
"""Corner of the mouth and cheek: a smile presses the skin between them, subject's right."""
BROW_TOP, FOREHEAD = (70, 63, 105, 66, 107), (71, 68, 104, 69, 108)
"""Rows of the forehead that a raised brow brings together, subject's right, outer to inner."""
BROW_PRESSED = ((105, 104), (66, 69))
FOREHEAD_LINES = (0.75, 1.3, 1.85)
"""Where the forehead folds, as a share of the way from the brow to the row above."""
BROW_MIDDLE, BROW_MIDDLE_LOW, NOSE_ROOT = 9, 8, 168
GLABELLA_PRESSED = (55, 285)
GLABELLA_AT = 0.3
"""The two lines between the brows: share of the way from the inner end of a brow to that of the other."""
EYE_OUTER_RIGHT, EYE_INNER_RIGHT, UNDER_EYE_RIGHT = 33, 133, 117
CROW_ANGLES_DEG = (-24.0, 4.0, 30.0)
CROW_SPAN = (0.22, 0.62)
"""Begin and end of the lines beside an eye in eye widths from its outer corner."""
SMILE_AT_EYES, LID_AT_EYES = 0.6, 0.3
"""What a smile and a closing lid contribute to the lines beside the eye."""
FLANK = 1.3
"""How far the flanks of a fold reach, in widths."""
AROUND = 0.5
"""Head units around its driving landmarks within which a fold lies."""
LEAST = 1e-4
"""Strengths below this are rounding."""
POINTS = 48
"""Samples along a fold."""


@dataclass(frozen=True)
class _Style:
    """One kind of fold; lengths in head units, depths as natural logarithm of brightness."""

    full_at: float
    """Compression at which the fold shows to 76 %."""
    crease: float
    """Darkening in the middle of the fold, in shadow whatever the light."""
    relief: float
    """Largest change on the flanks, from the light of the photo."""
    width: float


STYLES = {
    "cheek": _Style(full_at=0.19, crease=0.14, relief=0.16, width=0.034),
    "forehead": _Style(full_at=0.30, crease=0.10, relief=0.12, width=0.022),
    "glabella": _Style(full_at=0.18, crease=0.17, relief=0.12, width=0.024),
    "eye": _Style(full_at=0.19, crease=0.11, relief=0.08, width=0.011),
}


@dataclass(frozen=True)
class _Fold:
    style: _Style
    rect: Rect
    """Its window in the field."""
    profile: Floats
    """(h, w) log brightness at full strength."""
    anchors: NDArray[np.int64]
    """Landmarks around it."""
    drive: tuple[tuple[tuple[int, int], float], ...]
    """Pairs of landmarks whose approach shows the fold, with weights."""


class SkinFolds:
    """Deepens folds in the brightness map of a frame. Keeps a buffer: not for two threads at once."""

    def __init__(self, image: NDArray[np.uint8], geometry: MeshGeometry, *, light: Doubles) -> None:
        """`light`: (3,) direction in picture axes in which log brightness grows with the normal."""
        self._side = min(FIELD_SIZE, geometry.size)
        self._scale = self._side / geometry.size
        self._unit = geometry.unit_px
        self._light = light / (np.linalg.norm(light) + 0.03)
        self._skin = skin_share(image, geometry, side=self._side)
        self._folds = tuple(self._all(geometry))
        self._field = np.zeros((self._side, self._side), np.float32)
        self._written: Rect = (0, 0, 0, 0)
        pairs = sorted({pair for fold in self._folds for pair, _ in fold.drive})
        self._pairs = np.array(pairs)
        self._weights = np.zeros((len(self._folds), len(pairs)))
        for row, fold in enumerate(self._folds):
            for pair, weight in fold.drive:
                self._weights[row, pairs.index(pair)] = weight / fold.style.full_at
        first, second = self._pairs.T
        self._shortest = 0.5 * np.linalg.norm(geometry.landmarks[first] - geometry.landmarks[second], axis=1)

    def strengths(self, posed: PosedMesh) -> Doubles:
        """(n_folds,) 0..1 how much of each fold shows; exactly 0 where nothing is pressed together."""
        first, second = self._pairs.T
        now, rest = posed.vertices[first, :2] - posed.vertices[second, :2], posed.rigid[first] - posed.rigid[second]
        rest_px = np.hypot(rest[:, 0], rest[:, 1])
        pressed = (rest_px - np.hypot(now[:, 0], now[:, 1])) / np.maximum(rest_px, self._shortest)
        return np.tanh(self._weights @ np.maximum(pressed, 0.0))

    def apply(self, posed: PosedMesh, maps: tuple[Floats, Floats, Floats], rect: Rect) -> None:
        """Multiply the folds into the brightness map (last of `maps`) inside `rect` of the picture."""
        shown = [(fold, s) for fold, s in zip(self._folds, self.strengths(posed), strict=True) if s > LEAST]
        top, bottom, left, right = self._written
        self._field[top:bottom, left:right] = 0.0
        self._written = (0, 0, 0, 0)
        if not shown:
            return
        for fold, strength in shown:
            top, bottom, left, right = fold.rect
            self._field[top:bottom, left:right] += np.float32(strength) * fold.profile
        tops, bottoms, lefts, rights = zip(*(fold.rect for fold, _ in shown), strict=True)
        self._written = (min(tops), max(bottoms), min(lefts), max(rights))
        near = posed.vertices[np.concatenate([fold.anchors for fold, _ in shown]), :2]
        left, top = (near.min(0) - AROUND * self._unit).astype(int)
        right, bottom = (near.max(0) + AROUND * self._unit).astype(int)
        rect = (max(rect[0], top), min(rect[1], bottom), max(rect[2], left), min(rect[3], right))
        crease(*maps, self._field, np.float32(self._scale), self._written, rect)

    def _all(self, geometry: MeshGeometry) -> list[_Fold]:
        points = geometry.landmarks[:, :2]
        mirrored = np.arange(len(points))
        mirrored[:N_MESH] = load_atlas().vertex_mirror[:N_MESH]
        folds = []
        for ids, side in ((np.arange(len(points)), 1.0), (mirrored, -1.0)):
            # the face as if this side were the subject's right
            own = points[ids]
            smile = _pair(ids, CHEEK_PRESSED)
            cheek = own[list(NASOLABIAL)]
            folds.append(self._fold("cheek", cheek, ((smile, 1.0),), raised=own[CHEEK_PRESSED[1]] - cheek.mean(0)))
            lift = tuple((_pair(ids, each), 0.5) for each in BROW_PRESSED)
            brow, row = own[list(BROW_TOP)], own[list(FOREHEAD)]
            folds += [self._fold("forehead", line, lift, raised=row[2] - brow[2]) for line in _forehead_lines(own)]
            inner, other = (own[each] for each in GLABELLA_PRESSED)
            knit = ((GLABELLA_PRESSED, 1.0),)
            folds.append(self._fold("glabella", _glabella_line(own), knit, raised=inner - other))
            beside = ((smile, SMILE_AT_EYES), (_pair(ids, (EYE_OUTER_RIGHT, UNDER_EYE_RIGHT)), LID_AT_EYES))
            down = np.array([0.0, 1.0])
            folds += [self._fold("eye", line, beside, raised=down) for line in _crow_lines(own, side=side)]
        return folds

    def _fold(
        self, kind: str, line: Doubles, drive: tuple[tuple[tuple[int, int], float], ...], *, raised: Doubles
    ) -> _Fold:
        """A fold along `line` px; the skin on the side of `raised` stands higher."""
        style = STYLES[kind]
        line = (line + 0.5) * self._scale - 0.5
        at = make_interp_spline(np.linspace(0, 1, len(line)), line, k=min(3, len(line) - 1))(np.linspace(0, 1, POINTS))
        width = max(style.width * self._unit * self._scale, 0.6)
        margin = 4.0 * width
        left, top = np.clip(np.floor(at.min(0) - margin), 0, self._side - 1).astype(int)
        right, bottom = np.clip(np.ceil(at.max(0) + margin) + 1, [left + 1, top + 1], self._side).astype(int)
        y, x = np.mgrid[top:bottom, left:right]
        pixels = np.stack([x, y], -1).astype(float)
        # |p - q|^2 without the mixed array of all pixels, points and axes
        distance2 = (pixels**2).sum(-1)[..., None] - 2.0 * (pixels @ at.T) + (at**2).sum(-1)
        nearest = distance2.argmin(-1)
        offset = pixels - at[nearest]
        tangent = np.gradient(at, axis=0)
        across = np.stack([-tangent[:, 1], tangent[:, 0]], 1)
        across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
        across *= np.sign((across * raised).sum(1).sum() or 1.0)
        signed = (offset * across[nearest]).sum(-1) / width
        away = np.sqrt((offset**2).sum(-1)) / width
        # the raised flank leans towards the crease, the other one lies flat
        slope = (
            (np.maximum(signed, 0.0) - 0.35 * np.maximum(-signed, 0.0)) * np.exp(0.5 - 0.5 * (away / 1.3) ** 2) / 1.3
        )
        lean = -(across[nearest] @ self._light[:2])
        dark = np.exp(-(away**2))
        along = np.linspace(0, 1, POINTS)[nearest]
        taper = smoothstep(along / 0.3) * smoothstep((1.0 - along) / 0.35)
        profile = taper * (style.relief * slope * lean - style.crease * dark) * self._skin[top:bottom, left:right]
        anchors = np.unique([each for pair, _ in drive for each in pair])
        return _Fold(style, (int(top), int(bottom), int(left), int(right)), profile.astype(np.float32), anchors, drive)


def _pair(ids: NDArray[np.int64], pair: tuple[int, int]) -> tuple[int, int]:
    return int(ids[pair[0]]), int(ids[pair[1]])


def _forehead_lines(own: Doubles) -> list[Doubles]:
    """Across the forehead from above the outer half of the brow to a little beyond the middle."""
    brow, row = own[list(BROW_TOP)], own[list(FOREHEAD)]
    lines = [brow + share * (row - brow) for share in FOREHEAD_LINES]
    beyond = 0.9 * (own[BROW_MIDDLE] - brow[-1])
    return [np.concatenate([line[1:], (line[-1] + beyond)[None]]) for line in lines]


def _glabella_line(own: Doubles) -> Doubles:
    inner, other = (own[each] for each in GLABELLA_PRESSED)
    up = own[BROW_MIDDLE_LOW] - own[NOSE_ROOT]
    at = inner + GLABELLA_AT * (other - inner)
    return np.stack([at - 0.9 * up, at, at + 0.8 * up, at + 1.5 * up + 0.08 * (inner - other)])


def _crow_lines(own: Doubles, *, side: float) -> list[Doubles]:
    """Rays from the outer corner of the eye; `side` is -1 for the subject's left."""
    outer, inner = own[EYE_OUTER_RIGHT], own[EYE_INNER_RIGHT]
    lines = []
    for angle in side * np.radians(CROW_ANGLES_DEG):
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        lines.append(outer + np.linspace(*CROW_SPAN, 4)[:, None] * (turn @ (outer - inner)))
    return lines
