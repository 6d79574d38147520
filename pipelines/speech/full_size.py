"""Speech to motion with Ditto's own weights: HuBERT features, its motion transformer, its way of joining segments.

A file is a stream that is pushed with `FILES` instead of `ONLINE`: the same code makes both, so both give the same
motion for the same way. As in Ditto the face departs from the photo as the motion departs from its first frame, and
the eyes follow the blink table, never the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipelines.checkpoints.loading import load_transformer
from pipelines.checkpoints.registry import FILES as CHECKPOINTS
from pipelines.checkpoints.store import check_speech_files, default_folder, find, hubert_source
from pipelines.errors import StudioError
from pipelines.motion.dims import DIMS
from pipelines.motion.pack import mix_relative, pack, unpack
from pipelines.motion.space import FPS, N_EXP, N_PACKED, Motion
from pipelines.motion.track import Track
from pipelines.networks.motion_transformer import MotionTransformer, TransformerConfig
from pipelines.portrait.types import Portrait
from pipelines.speech.audio import SAMPLE_RATE, Audio
from pipelines.speech.blinks import BlinkOptions, Blinks
from pipelines.speech.conditions import FACE_WIDTH
from pipelines.speech.diffusion import DdimSampler
from pipelines.speech.embedded_motion import conditions_of, sampling_of
from pipelines.speech.features.hubert import (
    CURRENT,
    FILE_LEAD,
    HOP,
    STREAM_LEAD,
    WINDOW,
    WINDOW_FRAMES,
    Encode,
    HubertStream,
    OnnxHubert,
    encoder_of,
    load_hubert,
)
from pipelines.speech.segments import Segmenter, SegmentOptions, with_length

if TYPE_CHECKING:
    from pipelines.speech.choice import Delivery

Floats = NDArray[np.float32]
Progress = Callable[[float, str], None]

SIZES = TransformerConfig()
"""Of the transformer's file; the width of the condition is read from it."""
_EYES = [dim.index for dim in DIMS if dim.region in ("eyes", "gaze")]
_BLOCK_S = 3.0


@dataclass(frozen=True)
class Way:
    """How sound is framed and segments are joined."""

    segments: SegmentOptions
    lead: int
    """Silent samples before the sound."""


FILES = Way(SegmentOptions(), FILE_LEAD)
ONLINE = Way(SegmentOptions.online(), STREAM_LEAD)


@dataclass(frozen=True, eq=False)
class FullSizeModel:
    """HuBERT and the transformer that listens to it."""

    encode: Encode
    transformer: MotionTransformer
    silence: Floats
    """(F,) feature of a silent frame."""

    @classmethod
    def of(cls, encode: Encode, transformer: MotionTransformer) -> FullSizeModel:
        """
        Raises:
            StudioError: the transformer was made for features of another width.
        """
        silence = encode(np.zeros(WINDOW, np.float32))[CURRENT].mean(0, dtype=np.float32)
        wanted = transformer.config.cond_width - FACE_WIDTH
        if len(silence) != wanted:
            raise StudioError(
                f"HuBERT should give the {wanted} features that the motion transformer listens to but gives"
                f" {len(silence)}; Ditto's listens to hubert-large."
            )
        return cls(encode, transformer.eval(), silence)

    @classmethod
    def load(cls, folder: Path | None = None, *, sizes: TransformerConfig = SIZES) -> FullSizeModel:
        """From the checkpoints folder, and `$DITTO_HUBERT` where it is set.

        Raises:
            StudioError: a file is missing, with the command that fetches it, or is bad.
        """
        from pipelines.render.neural_torch import choose_device

        folder = folder or default_folder()
        check_speech_files(folder)
        source, transformer = hubert_source(folder), find(CHECKPOINTS["ditto/transformer"], folder)
        assert source is not None and transformer is not None
        graph = Path(source)
        encode = OnnxHubert(graph) if graph.suffix == ".onnx" else encoder_of(load_hubert(source))
        return cls.of(encode, load_transformer(transformer, sizes).to(choose_device()))


class FullSizeStream:
    """Departures from the photo while the sound arrives; how the sound is cut does not change them.

    Of the delivery `idle` has no part: what the head does in silence is the network's.
    """

    def __init__(
        self,
        *,
        portrait: Portrait,
        delivery: Delivery,
        way: Way = ONLINE,
        model: FullSizeModel | None = None,
        n_frames: int | None = None,
    ) -> None:
        """
        Args:
            model: the one on this machine if left out.
            n_frames: length of the whole motion where it is known, for a mood that changes over it.
        """
        model = model or installed_model()
        self._cut = with_length(way.segments, model.transformer.config.n_frames)
        self._face = conditions_of(portrait, delivery, n_frames=n_frames)
        self._features = HubertStream(model.encode, lead=way.lead)
        self._segments = Segmenter(
            self._cut,
            DdimSampler(model.transformer, sampling_of(delivery)).segment,
            source_frame=pack(portrait.motion)[0],
            silence=self._face.at(model.silence[None]).packed()[0],
        )
        self._reach = delivery.reach
        self._blinks = Blinks(BlinkOptions(seed=delivery.seed)) if delivery.blinks else None
        self._rest: Motion | None = None
        self._heard = 0
        self.look_ahead_s = look_ahead_s(self._cut, way.lead)

    def push(self, samples: Floats) -> Motion:
        """Frames that are settled by now, perhaps none, for (n,) more samples at 16 kHz."""
        return self._departures(self._listen(self._features.push(samples)))

    def finish(self) -> Motion:
        """The remaining frames."""
        last = self._listen(self._features.finish())
        return self._departures(np.concatenate([last, self._segments.finish()]))

    def _listen(self, features: Floats) -> Floats:
        if not len(features):
            return np.zeros((0, N_PACKED), np.float32)
        conditions = self._face.at(features, start=self._heard).packed()
        self._heard += len(features)
        return self._segments.push(conditions)

    def _departures(self, frames: Floats) -> Motion:
        if not len(frames):
            return Motion.identity(0)
        driven = unpack(frames)
        if self._rest is None:
            first = self._segments.first_frame if self._cut.warm_up else frames[0]
            assert first is not None
            self._rest = unpack(first)
        motion = mix_relative(Motion.identity(), driven, reference=self._rest)
        exp = motion.exp.reshape(-1, N_EXP).copy()
        exp[:, _EYES] = 0 if self._blinks is None else self._blinks.take(len(exp))[:, _EYES]
        return self._reach.on(motion.with_(exp=exp.reshape(motion.exp.shape)))


def full_size_motion(
    audio: Audio,
    *,
    portrait: Portrait,
    delivery: Delivery,
    label: str = "",
    progress: Progress | None = None,
    way: Way = FILES,
    model: FullSizeModel | None = None,
) -> Track:
    """The track of a whole voice; the same voice and seed give the same track.

    Args:
        label: what the visitor reads.
        progress: gets a fraction and a text; what it raises ends the work.
        model: the one on this machine if left out.
    """
    samples, block = audio.samples, round(_BLOCK_S * SAMPLE_RATE)
    stream = FullSizeStream(portrait=portrait, delivery=delivery, way=way, model=model, n_frames=audio.n_frames)
    parts = []
    for start in range(0, len(samples), block):
        if progress is not None:
            progress(start / len(samples), "moving the face")
        parts.append(stream.push(samples[start : start + block]))
    motion = Motion.joined([*parts, stream.finish()])
    return Track(motion, float(FPS), label=label, reference=Motion.identity())


def look_ahead_s(cut: SegmentOptions, lead: int) -> float:
    """Sound that must be there before the first frame leaves."""
    n_windows = -(-cut.look_ahead // WINDOW_FRAMES)
    return (WINDOW + (n_windows - 1) * HOP - lead) / SAMPLE_RATE


@lru_cache(maxsize=1)
def installed_model() -> FullSizeModel:
    """The model on this machine, read once."""
    return FullSizeModel.load(sizes=SIZES)
