"""The scene around a person: what of it is seen right beside them, and how it goes on behind them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.render.mesh.exemplar_kernels import CLOSED, OPEN, SCENE, continue_scene
from pipelines.render.mesh.fill import averaged_down, push_pull
from pipelines.render.mesh.head_frame import smoothstep
from pipelines.render.mesh.scene_kernels import agreed, unlikeness

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
CELLS = 128
"""Cells along a side of the grid on which the scene is compared with itself."""
SURE_PERSON = 0.97
"""Alpha from which a pixel shows nothing but the person."""
SCENE_REACH, PERSON_REACH, ROUNDS = 0.2, 0.06, 4
"""Shares of the side within which the scene and the person are looked at for what lies between them: a cord runs along
a head for long, what a matte is unsure of of a person is much like its neighbourhood. What is recognised as the scene
lets what continues it be recognised in the next round."""
FAR_LEVELS = 5.0
"""Grey levels that the scene at the end of that reach loses."""
LIKER, SURELY = 1.4, (2.0, 10.0)
"""How much liker the scene than the person has to be, and the grey levels over which that becomes certain."""
SCENE_UP_TO = (0.7, 0.9)
"""Alpha between which a pixel stops being able to be the scene."""
EDGE = 3
"""Half cells across the person's own edge."""
AGREE_REACH, AGREE_LEVELS, AGREED = 7, 14.0, (0.6, 0.85)
"""Half cells over which neighbours of like colour decide together, how alike they are, and the shares of
them that begin to and do suffice."""
STRANGE = (20.0, 40.0)
"""Grey levels off the smooth filling from which there is a thing in the scene that a filling would lose."""
HALF_PIECE, SOURCE_REACH = 3, 24
"""Cells from the middle of a piece to its edge, and within which the scene is looked through for it."""
FAR, USUAL, WEAR = 1.0, 0.3, 800.0
"""Squared grey levels that a piece loses by a cell of distance, the weight of the smooth filling where nothing else is
known, and the squared grey levels that a piece loses by being used: the same again and again would be a pattern."""
PIECE_SOFT, PIECE_SHIFT = 0.016, 6.0
"""Width over which pieces pass into each other, as a share of the side; grey levels by which they may be adapted."""
DEPTH, DEPTH_SOFT = 0.14, 0.04
"""How far the scene goes on behind the person in pieces, and over which that passes into the smooth filling, as shares
of the side: about what the widest turns uncover."""


def scene_beside(image: NDArray[np.uint8], plain: Floats, alpha: Floats, *, hole: Mask) -> Floats:
    """(H, W) 0..1: where the photo beside the person shows a thing of the scene, such as a cord, and nothing else.

    It is liker to places of the scene than to any of the person nearby. Hair that the matte missed is like neither.

    Args:
        image: (H, W, 3) RGB.
        plain: (H, W, 3) smooth filling of the scene.
        alpha: (H, W) 0..1.
        hole: (H, W) what is not surely the scene.
    """
    cells, fine = (CELLS, CELLS), (2 * CELLS, 2 * CELLS)
    small, scene, share = (averaged_down(each, cells) for each in (image, plain, alpha))
    person = share > SURE_PERSON
    strange = _strange(small, scene, person)
    certain = _certain(small, person, strange, hole=averaged_down(hole.astype(np.float32), cells) > 0.0)
    certain, strange = (cv2.resize(each, fine, interpolation=cv2.INTER_LINEAR) for each in (certain, strange))
    photo, inside, share = (averaged_down(each, fine) for each in (image, hole.astype(np.uint8), alpha))
    wanted = (inside > 0) & (share <= SURE_PERSON) & (strange > 0.0)
    if not wanted.any():
        return np.zeros_like(alpha)
    certain[share > SURE_PERSON] = 0.0
    found = np.zeros_like(share)
    agreed(cv2.GaussianBlur(photo, (0, 0), 0.7), certain, wanted, AGREE_REACH, AGREE_LEVELS, found)
    found = _rises(found, AGREED) * strange * (1.0 - _rises(share, SCENE_UP_TO))
    # the last pixels before the person are the person's own edge
    found = cv2.erode(np.where(inside > 0, found, 1.0), np.ones((EDGE, EDGE), np.uint8))
    return np.asarray(cv2.resize(found, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) * hole, np.float32)


def _strange(photo: Floats, scene: Floats, person: Mask) -> Floats:
    """(h, w) 0..1 where the photo is no mixture of the person and the smooth filling, and right beside that."""
    off = photo - scene
    towards = push_pull(photo, person.astype(np.float32)) - scene
    mixed = (off * towards).sum(2) / np.maximum((towards * towards).sum(2), 1.0)
    strange = np.asarray(np.abs(off - np.clip(mixed, 0.0, 1.0)[..., None] * towards).max(2), np.float32)
    return np.asarray(cv2.dilate(_rises(strange, STRANGE), np.ones((3, 3), np.uint8)), np.float32)


def _certain(photo: Floats, person: Mask, strange: Floats, *, hole: Mask) -> Floats:
    """(h, w) 0..1 where the scene is for certain: all but the hole, and in it what is far liker to the scene."""
    unsure = hole & ~person & (strange > 0.0)
    to_person, to_scene, enough = (np.full(hole.shape, level, np.float32) for level in (255.0, 255.0, 0.0))
    unlikeness(photo, unsure, person, enough, (PERSON_REACH * CELLS, 0.0), to_person)
    certain = (~hole).astype(np.float32)
    enough = np.maximum(to_person - SURELY[1], 0.0) / np.float32(LIKER)
    fresh = ~hole
    for _ in range(ROUNDS):
        unsure &= (to_person > SURELY[0]) & (certain < 1.0)
        unlikeness(photo, unsure, fresh, enough, (SCENE_REACH * CELLS, FAR_LEVELS), to_scene)
        known = certain > 0.5
        certain[unsure] = _rises(np.asarray(to_person - LIKER * to_scene, np.float32), SURELY)[unsure]
        fresh = (certain > 0.5) & ~known
    gaps = cv2.morphologyEx(certain, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.where(to_person > to_scene, gaps, certain).astype(np.float32)


def continued_scene(photo: Floats, plain: Floats, *, hole: Mask) -> tuple[Floats, Floats]:
    """(H, W, 3) the photo with its hole filled at the edge with pieces of the scene, and (H, W) 0..1 how far those go.

    A turned head uncovers a strip: there lines go on, and texture with its own grain beats any smooth filling.

    Args:
        photo, plain: (H, W, 3) and its smooth filling.
        hole: (H, W) what to fill.
    """
    side = len(photo)
    cells = (CELLS, CELLS)
    known = averaged_down((~hole).astype(np.float32), cells)
    small = averaged_down(photo * ~hole[..., None], cells) / np.maximum(known, 1e-6)[..., None]
    scene = known > 0.99
    distance = cv2.distanceTransform((~scene).astype(np.uint8), cv2.DIST_L2, 5)
    state = np.where(scene, SCENE, np.where(distance < DEPTH * CELLS, OPEN, CLOSED)).astype(np.uint8)
    piece = np.ones((2 * HALF_PIECE + 1,) * 2, np.uint8)
    whole = cv2.erode(scene.astype(np.uint8), piece, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    worn = (np.asarray(whole, np.float32) - 1.0).astype(np.float32)
    look = (side / CELLS, HALF_PIECE, SOURCE_REACH, FAR, PIECE_SOFT * side, PIECE_SHIFT, USUAL, WEAR)
    filled = photo.copy()
    done = continue_scene(
        filled,
        ~hole,
        small.astype(np.float32),
        state,
        worn,
        scene.astype(np.float32),
        averaged_down(plain, cells),
        np.array(look, np.float64),
    )
    near = 1.0 - smoothstep((distance / CELLS - DEPTH + DEPTH_SOFT) / DEPTH_SOFT)
    near = cv2.resize(near.astype(np.float32), hole.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return filled, np.asarray(near * done, np.float32)


def _rises(value: Floats, span: tuple[float, float]) -> Floats:
    return smoothstep((value - span[0]) / (span[1] - span[0])).astype(np.float32)
