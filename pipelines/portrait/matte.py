"""Which pixels of the crop belong to the person."""

from __future__ import annotations

import threading
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipelines.assets import SELFIE_SEGMENTATION
from pipelines.portrait.mediapipe_tasks import outlive_interpreter, task_image, task_start


class PersonSegmenter:
    """MediaPipe's selfie segmenter; one call at a time, others wait."""

    def __init__(self) -> None:
        with task_start(SELFIE_SEGMENTATION) as (vision, options):
            self._segmenter = vision.ImageSegmenter.create_from_options(
                vision.ImageSegmenterOptions(
                    base_options=options, output_confidence_masks=True, output_category_mask=False
                )
            )
        outlive_interpreter(self._segmenter)
        self._lock = threading.Lock()

    def matte(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(S, S) foreground probability 0..1 of an (S, S, 3) RGB face crop; 10 ms."""
        with self._lock:
            result = self._segmenter.segment(task_image(crop))
        mask = np.array(result.confidence_masks[0].numpy_view(), np.float32)
        return np.clip(mask.reshape(crop.shape[:2]), 0.0, 1.0)


@lru_cache(maxsize=1)
def person_segmenter() -> PersonSegmenter:
    """The one segmenter of this process, made at the first call."""
    return PersonSegmenter()
