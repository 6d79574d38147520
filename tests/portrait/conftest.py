"""Real portraits, registered once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.assets import PORTRAITS
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import register
from pipelines.portrait.types import Portrait

NAMES = tuple(sorted(path.stem for path in PORTRAITS.glob("*.jpg")))


@pytest.fixture(scope="session")
def photo() -> Callable[[str], NDArray[np.uint8]]:
    """The shipped photo of that name."""
    return lru_cache(lambda name: load_photo(PORTRAITS / f"{name}.jpg"))


@pytest.fixture(scope="session")
def portrait(photo: Callable[[str], NDArray[np.uint8]]) -> Callable[[str], Portrait]:
    """The shipped portrait of that name."""
    return lru_cache(lambda name: register(photo(name)))


@pytest.fixture(scope="session")
def tilted(photo: Callable[[str], NDArray[np.uint8]]) -> Portrait:
    """A face that lies 30 degrees to the side in a large photo."""
    source = photo("astronaut")
    turn = cv2.getRotationMatrix2D((220.0, 110.0), 30.0, 2.6)
    turn[:, 2] += [580.0, 400.0]
    return register(cv2.warpAffine(source, turn, (1600, 1080), flags=cv2.INTER_CUBIC, borderValue=(120, 120, 120)))
