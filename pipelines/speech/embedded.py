"""The speech model that ships: a small motion diffusion transformer on phonetic features.

generator = EmbeddedGenerator.load()
frames = generator.frames(conditions, SamplerOptions(seed=1))
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.assets import ASSETS
from pipelines.errors import StudioError
from pipelines.files import write_atomic
from pipelines.networks.motion_transformer import MotionTransformer, TransformerConfig
from pipelines.speech.conditions import FACE_WIDTH, Conditions, FaceConditions
from pipelines.speech.diffusion import DdimSampler, SamplerOptions
from pipelines.speech.motion_scale import MotionScale
from pipelines.speech.segments import STREAMED, Segmenter, SegmentOptions, run_segments, with_length

Floats = NDArray[np.float32]
Progress = Callable[[float, str], None]

MODEL = ASSETS / "speech_model"
"""Without its endings: .safetensors holds weights in half precision, .json sizes, scale and recipe."""


class EmbeddedGenerator:
    """A trained transformer with the scale of the numbers it was trained on."""

    def __init__(
        self, transformer: MotionTransformer, scale: MotionScale, *, head_gain: tuple[float, ...] = (1.0, 1.0, 1.0)
    ) -> None:
        """
        Args:
            head_gain: factors on pitch, yaw and roll that give heads the spread they were trained on; a model of this
                size draws them too still.
        """
        self.transformer = transformer.eval()
        self.scale = scale
        self.head_gain = np.array(head_gain, np.float32)

    @classmethod
    def load(cls, path: Path = MODEL) -> EmbeddedGenerator:
        """
        Raises:
            StudioError: the files are missing, damaged or do not belong together.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            about = json.loads(path.with_suffix(".json").read_text())
            transformer = MotionTransformer(TransformerConfig(**about["sizes"]))
            weights = {name: value.float() for name, value in load_file(path.with_suffix(".safetensors")).items()}
            transformer.load_state_dict(weights, strict=False)
            mean, std = (np.array(about[name], np.float32) for name in ("mean", "std"))
            head_gain = tuple(map(float, about["head_gain"]))
            scale = MotionScale(mean, std, height_share=float(about.get("height_share", 1.0)))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise StudioError(
                f"The speech model should be the one that ships but cannot be read ({error}); restore assets from the"
                " repository."
            ) from error
        return cls(transformer, scale, head_gain=head_gain)

    def save(self, path: Path, *, made_by: dict[str, Any]) -> None:
        """Write the two files.

        Args:
            made_by: the recipe, kept in the .json.
        """
        from safetensors.torch import save

        weights = {name: value.half().contiguous().clone() for name, value in self.transformer.named_parameters()}
        scale: dict[str, Any] = {"mean": self.scale.mean.tolist(), "std": self.scale.std.tolist()}
        scale |= {"height_share": self.scale.height_share, "head_gain": self.head_gain.tolist()}
        about = {"sizes": asdict(self.transformer.config), **scale, "made_by": made_by}
        write_atomic(path.with_suffix(".safetensors"), save(weights))
        write_atomic(path.with_suffix(".json"), json.dumps(about).encode())

    def frames(self, conditions: Conditions, options: SamplerOptions) -> Floats:
        """(T, 265) motion relative to rest of T frames of conditions; one seed repeats."""
        cut = self.cut(SegmentOptions())
        sampler = DdimSampler(self.transformer, options)
        values = run_segments(cut, sampler.segment, conditions.packed(), source_frame=self.scale.rest())
        return self.scale.decode(values, conditions.audio)

    def stream(
        self, face: FaceConditions, options: SamplerOptions, *, segments: SegmentOptions = STREAMED
    ) -> FrameStream:
        """The same while the features arrive.

        Args:
            segments: those of whole files give the frames of `frames`, later.
        """
        return FrameStream(self, face, options, self.cut(segments))

    def cut(self, options: SegmentOptions) -> SegmentOptions:
        """The same options for this model's segment length."""
        return with_length(options, self.transformer.config.n_frames)


class FrameStream:
    """Finished frames while features arrive; memory stays flat, and how the features are cut changes nothing."""

    def __init__(
        self, generator: EmbeddedGenerator, face: FaceConditions, options: SamplerOptions, cut: SegmentOptions
    ) -> None:
        self._scale, self._face = generator.scale, face
        self._width = generator.transformer.config.cond_width - FACE_WIDTH
        self.look_ahead = cut.look_ahead
        """Frames of features that must be there before the first frame leaves."""
        sampler = DdimSampler(generator.transformer, options)
        silence = face.at(np.zeros((1, self._width), np.float32)).packed()[0]
        self._segments = Segmenter(cut, sampler.segment, source_frame=generator.scale.rest(), silence=silence)
        self._waiting = np.zeros((0, self._width), np.float32)
        self._pushed = 0

    def push(self, features: Floats) -> tuple[Floats, Floats]:
        """Frames (m, 265) that became final with (n, F) more features, and their own features (m, F)."""
        self._waiting = np.concatenate([self._waiting, features])
        conditions = self._face.at(features, start=self._pushed).packed()
        self._pushed += len(features)
        return self._done(self._segments.push(conditions))

    def finish(self) -> tuple[Floats, Floats]:
        """The remaining frames (m, 265) and their features (m, F)."""
        return self._done(self._segments.finish())

    def _done(self, values: Floats) -> tuple[Floats, Floats]:
        own, self._waiting = self._waiting[: len(values)], self._waiting[len(values) :]
        return self._scale.decode(values, own), own


def available() -> bool:
    """Whether the model's files are here."""
    return all(MODEL.with_suffix(ending).is_file() for ending in (".safetensors", ".json"))


@lru_cache(maxsize=1)
def shipped_generator() -> EmbeddedGenerator:
    """The model that ships, read once."""
    return EmbeddedGenerator.load()
