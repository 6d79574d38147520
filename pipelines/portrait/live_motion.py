"""Motion of a face that is filmed right now: pictures of a camera one by one, each told against a neutral one.

reader = LiveMotionReader()
reader.read(picture, time_s=0.0)
base = reader.track(Smoothing("one-euro")).at(portrait, 0)
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pipelines.assets import FACE_LANDMARKER
from pipelines.errors import StudioError
from pipelines.motion.smoothing import Smoothing, smooth_track
from pipelines.motion.space import FPS, Floats, Motion
from pipelines.motion.track import Track, sample
from pipelines.portrait.crop import crop_transform
from pipelines.portrait.eyes import eye_ratio
from pipelines.portrait.landmarks import faces_of
from pipelines.portrait.mediapipe_tasks import task_image, task_start
from pipelines.portrait.pose import head_pose
from pipelines.portrait.video_motion import at_population_mean, landmark_motion
from pipelines.retarget import with_measured_lids

WINDOW = 12
"""Frames that smoothing looks back on."""
MAX_SECONDS = 600.0
_FIELDS = tuple(field.name for field in fields(Motion))


@dataclass(frozen=True)
class _Seen:
    time_s: float
    motion: Motion
    eye_ratio: Floats


class LiveMotionReader:
    """Owns one MediaPipe landmarker that follows one face; for any thread, one picture at a time."""

    def __init__(self) -> None:
        with task_start(FACE_LANDMARKER) as (vision, options):
            self._landmarker = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=options,
                    running_mode=vision.RunningMode.VIDEO,
                    num_faces=1,
                    output_face_blendshapes=True,
                )
            )
        self._lock = threading.Lock()
        self._clock_ms = 0
        self._is_open = True
        self._crop: NDArray[np.float64] | None = None
        self._rest: _Seen | None = None
        self._window: deque[_Seen] = deque(maxlen=WINDOW)
        self._record: list[_Seen] | None = None
        self._record_from = 0.0

    def read(self, picture: NDArray[np.uint8], *, time_s: float) -> bool:
        """Take one (H, W, 3) uint8 RGB picture; whether it shows a face. The first that does is the neutral one.

        Args:
            time_s: when it was taken, by any clock that never goes back.
        """
        height, width = picture.shape[:2]
        with self._lock:
            if not self._is_open:
                return False
            # the landmarker refuses a time that is not later than the last one
            self._clock_ms = max(self._clock_ms + 1, round(1000 * time_s))
            result = self._landmarker.detect_for_video(task_image(picture), self._clock_ms)
            faces = faces_of(result, width=width, height=height)
            if not faces:
                return False
            if self._crop is None:
                self._crop = crop_transform(faces[0].landmarks)
            face = faces[0].moved(self._crop)
            motion = landmark_motion(face, head_pose(face.landmarks))
            seen = _Seen(time_s, motion, eye_ratio(face.landmarks))
            self._rest = self._rest or seen
            self._window.append(seen)
            if self._record is not None and time_s - self._record_from < MAX_SECONDS:
                self._record.append(seen)
            return True

    def set_neutral(self) -> None:
        """What the newest picture shows counts as the face at rest.

        Raises:
            StudioError: no picture has shown a face yet.
        """
        with self._lock:
            if not self._window:
                raise StudioError("The camera should show a face but none was found yet; move into the picture.")
            self._rest = self._window[-1]

    def track(self, smoothing: Smoothing) -> Track | None:
        """One frame: the newest, against the neutral one; None before a face was seen."""
        with self._lock:
            seen, rest = list(self._window), self._rest
        if rest is None:
            return None
        window = smooth_track(_track(seen, rest, fps=_rate(seen)), smoothing)
        return window[len(window) - 1 :]

    @property
    def recorded_s(self) -> float | None:
        """Length of the recording on its way; None where there is none."""
        with self._lock:
            if self._record is None:
                return None
            return self._record[-1].time_s - self._record[0].time_s if self._record else 0.0

    def start_recording(self) -> None:
        """Keep what comes from now on."""
        with self._lock:
            self._record = []
            self._record_from = self._window[-1].time_s if self._window else 0.0

    def stop_recording(self, *, label: str) -> Track:
        """The recording at 25 frames a second, whatever rate the pictures came at.

        Raises:
            StudioError: too short.
        """
        with self._lock:
            seen, rest, self._record = self._record or [], self._rest, None
        if rest is None or len(seen) < 2:
            raise StudioError("A recording should show the face for longer; press Record, move, then press Stop.")
        times = np.array([one.time_s for one in seen]) - seen[0].time_s
        grid = np.arange(max(2, round(times[-1] * FPS))) / FPS
        where = np.interp(grid, times, np.arange(len(times)))
        track = _track(seen, rest, fps=FPS, label=label)
        return Track(sample(track.motion, where), FPS, label=label, reference=track.reference)

    def close(self) -> None:
        """Free the landmarker; pictures that still come are left alone."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._landmarker.close()


def _rate(seen: list[_Seen]) -> float:
    """Pictures a second of the newest few."""
    span_s = seen[-1].time_s - seen[0].time_s
    return float(np.clip((len(seen) - 1) / span_s, 1.0, 60.0)) if span_s > 0 else float(FPS)


def _track(seen: list[_Seen], rest: _Seen, *, fps: float, label: str = "") -> Track:
    arrays = {name: np.concatenate([getattr(one.motion, name) for one in seen]) for name in _FIELDS}
    motion, reference = at_population_mean(Motion(**arrays), rest.motion)
    ratios = np.stack([one.eye_ratio for one in seen])
    return with_measured_lids(Track(motion, fps, label=label, reference=reference), ratios, rest=rest.eye_ratio)
