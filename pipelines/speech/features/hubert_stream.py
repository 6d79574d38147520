"""HuBERT unit by unit: keys and values of what was heard are kept, a unit never sees what comes after it.

Every layer attends to the cached context and to its own unit of 0.4 s. `masked_features` computes the same from the
whole recording at once with the mask written out; the two agree to 1e-4 of the largest feature, as tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pipelines.errors import StudioError
from pipelines.speech.features.hubert import WINDOW, WINDOW_VECTORS

if TYPE_CHECKING:
    from transformers import HubertModel

Floats = NDArray[np.float32]

UNIT = WINDOW_VECTORS
"""Vectors of a unit, 20 ms each."""
VECTOR_HOP = 320
UNIT_HOP = UNIT * VECTOR_HOP
"""Samples from one unit to the next: 0.4 s."""
DEFAULT_CONTEXT = 50 * UNIT
"""Cached vectors kept, 20 s."""


@dataclass
class _Cache:
    """Keys and values by layer, (heads, n, C / heads) each, and the projected features the position code sees."""

    keys: list[Tensor]
    values: list[Tensor]
    features: Tensor


class CachedHubert:
    """Encodes windows of 6480 samples with a key/value cache.

    With `grow` every window becomes context of the next: push consecutive units, 6400 samples apart. Without it the
    context stays what `prime` made it, Ditto's released behaviour: overlapping windows against one fixed corpus.
    """

    def __init__(self, model: HubertModel, *, grow: bool = True, context: int = DEFAULT_CONTEXT) -> None:
        """
        Args:
            context: most cached vectors; older ones are forgotten.

        Raises:
            StudioError: a HuBERT whose front end looks at the whole recording (group or batch norm).
        """
        config = model.config
        if config.feat_extract_norm != "layer" or getattr(config, "conv_pos_batch_norm", False):
            raise StudioError(
                "Streaming needs a HuBERT whose front end is normalised per frame (`feat_extract_norm` is 'layer'),"
                " such as hubert-large; this one looks at the whole recording."
            )
        self.model, self.grow, self.context = model, grow, context
        self._cache = self._empty()

    @property
    def cached(self) -> int:
        """Vectors of context."""
        return self._cache.features.shape[0]

    def prime(self, samples: Floats) -> None:
        """Fill the cache with (n,) samples at 16 kHz, unit by unit; what is left of the last unit is dropped."""
        for start in range(0, len(samples) - WINDOW + 1, UNIT_HOP):
            self._run(samples[start : start + WINDOW], grow=True)

    def __call__(self, window: Floats) -> Floats:
        """(20, C) features of (6480,) samples at 16 kHz."""
        return self._run(window, grow=self.grow)

    @torch.inference_mode()
    def _run(self, window: Floats, *, grow: bool) -> Floats:
        cache, norm = self._cache, self.model.get_submodule("encoder.layer_norm")
        features = _local_features(self.model, window)  # (20, C)
        x = features + _position(self.model, features, before=cache.features)
        new = _Cache([], [], torch.cat([cache.features, features])[-self.context :])
        if not _pre_norm(self.model):
            x = norm(x)
        for i, layer in enumerate(self.model.encoder.layers):
            keys, values = _keys_values(layer, x, pre_norm=_pre_norm(self.model))
            keys, values = torch.cat([cache.keys[i], keys], 1), torch.cat([cache.values[i], values], 1)
            x = _layer(layer, x, keys, values, mask=None, pre_norm=_pre_norm(self.model))
            new.keys.append(keys[:, -self.context :])
            new.values.append(values[:, -self.context :])
        if _pre_norm(self.model):
            x = norm(x)
        if grow:
            self._cache = new
        return x.float().cpu().numpy()

    def _empty(self) -> _Cache:
        config = self.model.config
        heads, width = config.num_attention_heads, config.hidden_size
        weight = next(self.model.encoder.parameters())

        def none() -> list[Tensor]:
            return [weight.new_zeros(heads, 0, width // heads) for _ in self.model.encoder.layers]

        return _Cache(none(), none(), weight.new_zeros(0, width))


@torch.inference_mode()
def masked_features(model: HubertModel, samples: Floats) -> Floats:
    """(T, C) features of whole units in one pass: every vector sees its own unit and all before it.

    Args:
        samples: (n * 6400 + 80,) samples at 16 kHz.
    """
    norm = model.get_submodule("encoder.layer_norm")
    features = _local_features(model, samples)  # (T, C)
    parts = [
        _position(model, features[start : start + UNIT], before=features[:start])
        for start in range(0, len(features), UNIT)
    ]
    x = features + torch.cat(parts)
    unit = torch.arange(len(x), device=x.device) // UNIT
    mask = unit[:, None] >= unit  # (T, T)
    if not _pre_norm(model):
        x = norm(x)
    for layer in model.encoder.layers:
        keys, values = _keys_values(layer, x, pre_norm=_pre_norm(model))
        x = _layer(layer, x, keys, values, mask=mask, pre_norm=_pre_norm(model))
    if _pre_norm(model):
        x = norm(x)
    return x.float().cpu().numpy()


def _pre_norm(model: HubertModel) -> bool:
    return bool(model.config.do_stable_layer_norm)


def _local_features(model: HubertModel, samples: Floats) -> Tensor:
    """(T, C) projected features of the convolutional front end; a vector sees 400 samples."""
    values = torch.from_numpy(np.array(samples, np.float32))[None].to(model.device)
    features = model.feature_extractor(values).transpose(1, 2)
    return model.feature_projection(features)[0]


def _position(model: HubertModel, features: Tensor, *, before: Tensor) -> Tensor:
    """(n, C) convolutional position code of a unit: the past is `before`, the future is silence."""
    conv, activation = (model.get_submodule(f"encoder.pos_conv_embed.{name}") for name in ("conv", "activation"))
    assert isinstance(conv, nn.Conv1d)
    size = conv.kernel_size[0]
    left, right = size // 2, size - 1 - size // 2
    past = before[max(len(before) - left, 0) :]
    padded = F.pad(torch.cat([past, features]).T, (left - len(past), right))  # (C, left + n + right)
    code = F.conv1d(padded[None], conv.weight, conv.bias, groups=conv.groups)[0].T
    return activation(code)


def _keys_values(layer: nn.Module, x: Tensor, *, pre_norm: bool) -> tuple[Tensor, Tensor]:
    attention = layer.get_submodule("attention")
    y = layer.get_submodule("layer_norm")(x) if pre_norm else x
    keys, values = attention.get_submodule("k_proj")(y), attention.get_submodule("v_proj")(y)
    return _heads(attention, keys), _heads(attention, values)


def _heads(attention: nn.Module, x: Tensor) -> Tensor:
    return x.unflatten(-1, (int(attention.num_heads), -1)).transpose(0, 1)  # type: ignore[arg-type]


def _layer(
    layer: nn.Module, x: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None, pre_norm: bool
) -> Tensor:
    attention, first = layer.get_submodule("attention"), layer.get_submodule("layer_norm")
    feed, last = layer.get_submodule("feed_forward"), layer.get_submodule("final_layer_norm")
    queries = _heads(attention, attention.get_submodule("q_proj")(first(x) if pre_norm else x))
    mixed = F.scaled_dot_product_attention(queries[None], keys[None], values[None], attn_mask=mask)[0]
    x = x + attention.get_submodule("out_proj")(mixed.transpose(0, 1).flatten(1))
    if pre_norm:
        return x + feed(last(x))
    x = first(x)
    return last(x + feed(x))
