"""Pixel loops that tell the scene beside a person from the person, and cut one from the other."""

from __future__ import annotations

import numba as nb
import numpy as np

_TAPS = 9


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def unlikeness(picture, wanted, among, enough, look, out):
    """How much wanted pixels and what lies right around them differ from the likest place among others, in place.

    Args:
        picture: (h, w, 3) float32.
        wanted, among: (h, w) bool.
        enough: (h, w) float32 grey levels below which nothing liker need be found.
        look: (reach in px, grey levels that a place loses at that distance).
        out: (h, w) float32 grey levels, lowered where wanted.
    """
    height, width = wanted.shape
    reach, taps = int(look[0]), 3.0 * _TAPS
    far = np.float32(taps * (look[1] / look[0]) ** 2)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if not wanted[y, x]:
                continue
            best = np.float32(taps) * out[y, x] * out[y, x]
            stop = np.float32(taps) * enough[y, x] * enough[y, x]
            for j in range(max(y - reach, 1), min(y + reach + 1, height - 1)):
                for i in range(max(x - reach, 1), min(x + reach + 1, width - 1)):
                    if not among[j, i]:
                        continue
                    cost = far * np.float32((i - x) * (i - x) + (j - y) * (j - y))
                    # the row in the middle first: it mostly tells
                    for dy in (0, -1, 1):
                        if cost >= best:
                            break
                        for dx in range(-1, 2):
                            for c in range(3):
                                off = picture[j + dy, i + dx, c] - picture[y + dy, x + dx, c]
                                cost += off * off
                    best = min(best, cost)
                if best < stop:
                    break
            out[y, x] = np.sqrt(best / taps)


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def agreed(picture, share, wanted, reach, like, out):
    """Mean of `share` over the pixels around that have the colour of a pixel, in place where wanted.

    Args:
        picture: (h, w, 3) float32; share, out: (h, w) float32; wanted: (h, w) bool.
        reach, like: px, and grey levels by which what looks alike differs.
    """
    height, width = wanted.shape
    sharp = np.float32(0.5 / (like * like))
    for y in range(height):
        for x in range(width):
            if not wanted[y, x]:
                continue
            total, weight = np.float32(0.0), np.float32(0.0)
            for j in range(max(y - reach, 0), min(y + reach + 1, height)):
                for i in range(max(x - reach, 0), min(x + reach + 1, width)):
                    off = np.float32(0.0)
                    for c in range(3):
                        off += (picture[j, i, c] - picture[y, x, c]) ** 2
                    alike = np.exp(-sharp * off)
                    total, weight = total + alike * share[j, i], weight + alike
            out[y, x] = total / weight


@nb.njit(cache=True, nogil=True, fastmath=True, boundscheck=False, error_model="numpy")
def lay_scene(photo, smooth, grain, pieces, trust, seen, hole, out):
    """out = the photo with its hole filled: smoothly with grain, with pieces as far as those go, or as it is seen.

    Args:
        photo, out: (H, W, 3) uint8; smooth, grain, pieces: (H, W, 3) float32.
        trust, seen: (H, W) float32 0..1; hole: (H, W) bool.
    """
    for y in range(hole.shape[0]):
        for x in range(hole.shape[1]):
            for c in range(3):
                out[y, x, c] = photo[y, x, c]
                if hole[y, x]:
                    value = smooth[y, x, c] + grain[y, x, c]
                    value += trust[y, x] * (pieces[y, x, c] - value)
                    value += seen[y, x] * (np.float32(photo[y, x, c]) - value)
                    out[y, x, c] = np.uint8(min(max(value, np.float32(0.0)), np.float32(255.0)) + np.float32(0.5))


@nb.njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def cut_person(photo, background, alpha, slack, out):
    """out = (H, W, 4) float32 premultiplied person that gives the photo over the background.

    Alpha is raised where what lies over the background could else be no colour that light can have: what a soft edge
    adds to one background would glow over another.

    Args:
        photo, background: (H, W, 3) uint8; alpha: (H, W) float32.
        slack: grey levels of grain that need no cover.
    """
    one, white = np.float32(1.0), np.float32(255.0)
    for y in range(alpha.shape[0]):
        for x in range(alpha.shape[1]):
            share = alpha[y, x]
            for c in range(3):
                back = np.float32(background[y, x, c])
                off = np.float32(photo[y, x, c]) - back
                over = abs(off) - slack
                if over > 0.0:
                    share = max(share, over / max((white - back if off > 0.0 else back) - slack, one))
            for c in range(3):
                out[y, x, c] = np.float32(photo[y, x, c]) - (one - share) * np.float32(background[y, x, c])
            out[y, x, 3] = share
