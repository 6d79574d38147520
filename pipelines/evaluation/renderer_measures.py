"""What a rendered face is measured by: likeness to a real frame, landmarks, the inside of the mouth, where it acts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.portrait.topology import IRIS_LEFT, IRIS_RIGHT, LIPS_INNER, LIPS_OUTER, N_MESH

Picture = NDArray[np.uint8]
Points = NDArray[np.floating]

FACE_MARGIN_PX = 8
"""The face crop of PSNR and SSIM is the box around the true landmarks grown by this much."""
MOUTH = np.union1d(LIPS_INNER, LIPS_OUTER)
PEAK = 255.0
NO_DIFFERENCE_DB = 99.0
WINDOW = 7
STABILISERS = (0.01, 0.03)
"""Constants of the similarity index, as shares of the peak."""
OPEN_MOUTH_PX = 150
"""A mouth interior of fewer pixels in the 512 crop holds no more than the blur of the lips."""
NOISE_LEVELS = 1.0
"""Changes of a grey level or less are rounding and count as none."""


@dataclass(frozen=True)
class Likeness:
    """A drawn frame against the real one."""

    psnr_db: float
    """Of the face crop."""
    ssim: float
    """Of the face crop."""
    landmarks_pct: float
    """Mean distance of the 468 re-detected landmarks, % of the true pupil distance; NaN where no face was found."""
    mouth_pct: float
    """The same over the lips."""
    interior_mae: float
    """Grey levels inside the true inner lip contour; NaN where the mouth is shut."""
    interior_bias: float
    """Drawn minus true brightness there: below 0 is too dark."""


def likeness(drawn: Picture, real: Picture, *, landmarks: Points | None, true_landmarks: Points) -> Likeness:
    """Measures of one (H, W, 3) frame.

    Args:
        landmarks: (478, 2 or 3) found in `drawn`, px; None where no face was found.
        true_landmarks: (478, 2 or 3) found in `real`.
    """
    box = face_box(true_landmarks, real.shape[:2])
    everywhere, mouth = landmark_errors_pct(landmarks, true_landmarks)
    mae, bias = interior_error(drawn, real, true_landmarks)
    return Likeness(psnr_db(drawn[box], real[box]), ssim(drawn[box], real[box]), everywhere, mouth, mae, bias)


def face_box(landmarks: Points, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the box around the landmarks with its margin, inside a picture of `shape` (H, W)."""
    limit = np.array([shape[1], shape[0]])
    low = np.clip(np.floor(landmarks[:, :2].min(0) - FACE_MARGIN_PX), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(landmarks[:, :2].max(0) + FACE_MARGIN_PX), low + 1, limit).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def psnr_db(a: Picture, b: Picture) -> float:
    """Peak signal to noise ratio of two pictures; 99 where they are equal."""
    error = float(((a.astype(np.float64) - b) ** 2).mean())
    return NO_DIFFERENCE_DB if error == 0 else 10 * float(np.log10(PEAK**2 / error))


def ssim(a: Picture, b: Picture) -> float:
    """Structural similarity of two (H, W, 3) pictures, mean over the channels.

    Windows of 7 x 7 pixels of equal weight and sample covariance, the definition behind the acceptance figures
    (Wang et al. 2004; scikit-image's default).
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _windowed(x), _windowed(y)
    unbiased = WINDOW**2 / (WINDOW**2 - 1)
    var_x, var_y = (unbiased * (_windowed(z * z) - mean * mean) for z, mean in ((x, mean_x), (y, mean_y)))
    covariance = unbiased * (_windowed(x * y) - mean_x * mean_y)
    c1, c2 = ((k * PEAK) ** 2 for k in STABILISERS)
    index = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    index /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    edge = WINDOW // 2
    return float(index[edge:-edge, edge:-edge].mean())


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.blur(values, (WINDOW, WINDOW)), np.float64)


def pupil_distance(landmarks: Points) -> float:
    """Between the two iris centres, in the unit of the landmarks."""
    return float(np.linalg.norm(landmarks[IRIS_LEFT[0], :2] - landmarks[IRIS_RIGHT[0], :2]))


def landmark_errors_pct(landmarks: Points | None, truth: Points) -> tuple[float, float]:
    """Mean distance over the face mesh and over the lips, % of the true pupil distance; NaN without landmarks."""
    if landmarks is None:
        return float("nan"), float("nan")
    distance = np.linalg.norm(landmarks[:, :2] - truth[:, :2], axis=1) * 100 / pupil_distance(truth)
    return float(distance[:N_MESH].mean()), float(distance[MOUTH].mean())


def interior_error(drawn: Picture, real: Picture, true_landmarks: Points) -> tuple[float, float]:
    """Mean absolute and mean signed difference in grey levels inside the true inner lip contour; NaN if shut."""
    inside = polygon_mask(true_landmarks[LIPS_INNER, :2], real.shape[:2])
    if inside.sum() < OPEN_MOUTH_PX:
        return float("nan"), float("nan")
    a, b = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)[inside] for picture in (drawn, real))
    return float(np.abs(a - b).mean()), float((a - b).mean())


def polygon_mask(contour: Points, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) pixels whose centre lies inside a closed (n, 2) contour."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(contour * 16).astype(np.int32)], 1, cv2.LINE_8, 4)  # pyright: ignore
    return mask > 0


def change_energy(a: Picture, b: Picture) -> NDArray[np.float64]:
    """(H, W) squared change of two pictures, mean over the channels; rounding counts as none."""
    change = a.astype(np.float64) - b
    change[np.abs(change) <= NOISE_LEVELS] = 0.0
    return (change**2).mean(-1)


def share_outside(energy: NDArray[np.floating], inside: NDArray[np.bool_]) -> float:
    """Share of the energy that lies outside a mask; 0 where there is none at all."""
    total = float(energy.sum())
    return float(energy[~inside].sum()) / total if total > 0 else 0.0
