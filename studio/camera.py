"""The visitor's webcam drives the face: pictures in, the newest motion under every live frame."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from pipelines.errors import StudioError
from pipelines.motion.space import Motion
from pipelines.portrait.live_motion import LiveMotionReader
from pipelines.portrait.types import Portrait
from pipelines.retarget import retarget
from studio.drive_order import DriveOrder
from studio.session import Session

MAX_CAMERAS = 4
"""Cameras of all visitors at a time; each has a landmarker of its own."""
IDLE_SECS = 10.0
"""A camera that sent nothing for so long gives up its place."""
MAX_PICTURE_BYTES = 256 << 10
MAX_PICTURE_SIDE = 1024
MOMENTS = 8
"""What is compared with a frame is drawn a little after it, with the motion that the frame had."""


class Moment(NamedTuple):
    """The motion that one live frame was drawn with."""

    number: int
    portrait: Portrait
    motion: Motion


@dataclass
class Camera:
    """One visitor's camera."""

    reader: LiveMotionReader = field(default_factory=LiveMotionReader)
    order: DriveOrder = field(default_factory=DriveOrder)
    last_seen: float = field(default_factory=time.monotonic)
    pictures: int = 0
    started: float = field(default_factory=time.monotonic)
    _moments: deque[Moment] = field(default_factory=lambda: deque(maxlen=MOMENTS))

    def take(self, jpeg: bytes) -> bool:
        """Read one picture; whether it shows a face.

        Raises:
            StudioError: not a small JPEG.
        """
        bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) if jpeg[:2] == b"\xff\xd8" else None
        if bgr is None or max(bgr.shape) > MAX_PICTURE_SIDE:
            raise StudioError(f"A camera picture should be a JPEG of at most {MAX_PICTURE_SIDE} px; reload the page.")
        self.last_seen = time.monotonic()
        rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
        found = self.reader.read(rgb, time_s=self.last_seen - self.started)
        self.pictures += 1
        return found

    def moment(self, portrait: Portrait, number: int | None = None) -> Moment | None:
        """What the face does now; None before one was seen. Not for two threads at once.

        Args:
            number: one of the last `MOMENTS` again, where this portrait had it; any other is now.
        """
        for moment in self._moments:
            if moment.number == number and moment.portrait is portrait:
                return moment
        track = self.reader.track(self.order.retarget.smoothing)
        if track is None:
            return None
        motion = retarget(track, portrait, self.order.unsmoothed).at(portrait, 0)
        newest = self._moments[-1].number + 1 if self._moments else 0
        self._moments.append(Moment(newest, portrait, motion))
        return self._moments[-1]


class CameraDesk:
    """Gives out the few places there are."""

    def __init__(self, *, places: int = MAX_CAMERAS) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._users: list[Session] = []

    def open(self, session: Session) -> Camera:
        """The visitor's camera, opened if it is not yet.

        Raises:
            StudioError: every place is taken by a camera at work.
        """
        with self._lock:
            self._users = [user for user in self._users if user.camera is not None]
            if session.camera is not None:
                return session.camera
            for user in list(self._users):
                if user.camera is not None and time.monotonic() - user.camera.last_seen > IDLE_SECS:
                    self._drop(user)
            if len(self._users) >= self._places:
                raise StudioError(f"All {self._places} places for webcams are taken; try again in a minute.")
            session.camera = Camera()
            self._users.append(session)
            return session.camera

    def close(self, session: Session) -> None:
        """The photo stands still again."""
        with self._lock:
            self._drop(session)

    def _drop(self, session: Session) -> None:
        camera, session.camera = session.camera, None
        if camera is not None:
            camera.reader.close()
        self._users = [user for user in self._users if user is not session]
