"""HuBERT features at 25 frames per second, the speech input of Ditto's own motion model.

The weights are the user's: a folder or a Hugging Face name for transformers, or the ONNX file of Ditto's release.
A window of 6480 samples holds 3 past, 5 current and 2 future video frames and gives 20 vectors; the 10 of the
current frames are averaged in pairs (spec section 4.2, parity oracle `audio_frames`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import StudioError

if TYPE_CHECKING:
    from transformers import HubertModel

Floats = NDArray[np.float32]
Encode = Callable[[Floats], Floats]
"""(6480,) samples at 16 kHz -> (20, C) vectors."""

SAMPLES_PER_FRAME = 640
WINDOW_FRAMES = 5
HOP = WINDOW_FRAMES * SAMPLES_PER_FRAME
WINDOW = 6480
WINDOW_VECTORS = 20
CURRENT = slice(6, 16)
"""Vectors of a window that belong to its current frames."""
FILE_LEAD = 2000
"""Silent samples before a file."""
STREAM_LEAD = 1920
"""Silent samples before a stream: Ditto's streams are 80 samples, 5 ms, ahead of its files."""
ONNX_INPUT = "input_values"
ONNX_OUTPUT = "encoding_out"


class HubertStream:
    """Samples in, feature frames out; what a window needs is kept, nothing else."""

    def __init__(self, encode: Encode, *, lead: int = STREAM_LEAD) -> None:
        self._encode = encode
        self._samples = np.zeros(lead, np.float32)
        self._pushed = 0
        self._frames = 0

    def push(self, samples: Floats) -> Floats:
        """(k, C) frames that became complete; k is a multiple of 5 and may be 0, then C is 0."""
        self._samples = np.concatenate([self._samples, np.asarray(samples, np.float32)])
        self._pushed += len(samples)
        parts = []
        while len(self._samples) >= WINDOW:
            parts.append(self._next())
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

    def finish(self) -> Floats:
        """(k, C) remaining frames, with silence behind the end, so that all are one per started 640 samples."""
        total = -(-self._pushed // SAMPLES_PER_FRAME)
        parts = []
        while self._frames < total:
            self._samples = np.pad(self._samples, (0, max(WINDOW - len(self._samples), 0)))
            parts.append(self._next())
        frames = np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
        return frames[: len(frames) - max(self._frames - total, 0)]

    def _next(self) -> Floats:
        vectors = self._encode(self._samples[:WINDOW])
        if len(vectors) != WINDOW_VECTORS:
            raise StudioError(
                f"The speech model should give {WINDOW_VECTORS} vectors for {WINDOW} samples but gives {len(vectors)};"
                " choose a HuBERT whose vectors are 20 ms apart."
            )
        self._samples = self._samples[HOP:]
        self._frames += WINDOW_FRAMES
        current = vectors[CURRENT].reshape(WINDOW_FRAMES, 2, -1)
        return current.mean(1, dtype=np.float32)


def load_hubert(source: str | Path) -> HubertModel:
    """HuBERT through transformers, in eval mode.

    Args:
        source: a folder with `config.json` and weights, or a name on Hugging Face such as
            `facebook/hubert-large-ls960-ft`.

    Raises:
        StudioError: nothing there, no connection, or not a HuBERT.
    """
    from transformers import AutoConfig, HubertConfig, HubertModel

    try:
        if not isinstance(AutoConfig.from_pretrained(str(source)), HubertConfig):
            raise StudioError(f"`hubert` should be a HuBERT model but is another one: {source}")
        model = HubertModel.from_pretrained(str(source))
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise StudioError(
            f"`hubert` should be a folder or a Hugging Face name with HuBERT weights ({reason}): {source}"
        ) from error
    return model.eval().requires_grad_(False)


def encoder_of(model: HubertModel) -> Encode:
    """Windows through the whole model, each for itself."""
    import torch

    def encode(window: Floats) -> Floats:
        with torch.inference_mode():
            values = torch.from_numpy(window.copy())[None].to(model.device)
            return model(values).last_hidden_state[0].float().cpu().numpy()

    return encode


class OnnxHubert:
    """The streaming HuBERT of Ditto's release, `hubert.onnx` or `hubert_streaming_fix_kv.onnx`."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            StudioError: no such file, not ONNX, or other input and output names.
        """
        if not path.is_file():
            raise StudioError(
                f"The streaming HuBERT is missing: get `hubert.onnx` of Ditto's release and put it at {path}"
            )
        self._session = _onnx_session(path)
        names = {value.name for value in self._session.get_inputs()}, {v.name for v in self._session.get_outputs()}
        if names[0] != {ONNX_INPUT} or ONNX_OUTPUT not in names[1]:
            raise StudioError(
                f"The streaming HuBERT should have input `{ONNX_INPUT}` and output `{ONNX_OUTPUT}` but has"
                f" {sorted(names[0])} and {sorted(names[1])}: {path}"
            )

    def __call__(self, window: Floats) -> Floats:
        """(20, C) vectors of (6480,) samples at 16 kHz."""
        (out,) = self._session.run([ONNX_OUTPUT], {ONNX_INPUT: np.asarray(window, np.float32)[None]})
        return np.asarray(out, np.float32).reshape(WINDOW_VECTORS, -1)


def _onnx_session(path: Path) -> Any:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(path), providers=onnxruntime.get_available_providers())
    except Exception as error:
        # onnxruntime has a kind of error of its own for each thing that is wrong with a file
        raise StudioError(f"The streaming HuBERT should be an ONNX file but cannot be loaded: {path}") from error
