"""HuBERT: framing as in the reference, streaming equal to the whole, the user's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import HubertConfig, HubertModel

from pipelines.errors import StudioError
from pipelines.speech.features.hubert import (
    FILE_LEAD,
    SAMPLES_PER_FRAME,
    WINDOW,
    Encode,
    HubertStream,
    OnnxHubert,
    encoder_of,
    load_hubert,
)
from pipelines.speech.features.hubert_stream import UNIT, UNIT_HOP, CachedHubert, masked_features
from tests.networks.conftest import Oracle

TOLERANCE = 1e-4


def small_hubert(*, stable: bool = True, norm: str = "layer") -> HubertModel:
    torch.manual_seed(3)
    config = HubertConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        do_stable_layer_norm=stable,
        feat_extract_norm=norm,
        conv_bias=True,
    )
    return HubertModel(config).eval().requires_grad_(False)


def noise(n: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(n)).astype(np.float32)


def hubert_features(samples: np.ndarray, encode: Encode) -> np.ndarray:
    """A whole recording at once, framed as Ditto frames files."""
    stream = HubertStream(encode, lead=FILE_LEAD)
    return np.concatenate([part for part in (stream.push(samples), stream.finish()) if len(part)])


def means(window: np.ndarray) -> np.ndarray:
    """The oracle's stand-in for the network: the mean of the 400 samples each vector sees."""
    return np.stack([window[320 * j : 320 * j + 400].mean(keepdims=True) for j in range((len(window) - 80) // 320)])


def test_framing_equals_the_reference(oracle: Oracle) -> None:
    golden = oracle.golden("math")
    n = int(golden["audio_frames.in.samples"])
    got = hubert_features(oracle.fill.normal("math/audio", (n,), 0.1), means)
    np.testing.assert_allclose(got[:, 0], golden["audio_frames.out.projection"], atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 30_000), cut=st.integers(1, 9000))
def test_samples_may_arrive_in_any_pieces(n: int, cut: int) -> None:
    samples = noise(n)
    whole = hubert_features(samples, means)
    assert whole.shape == (-(-n // SAMPLES_PER_FRAME), 1)
    stream = HubertStream(means, lead=FILE_LEAD)
    parts = [stream.push(samples[at : at + cut]) for at in range(0, n, cut)] + [stream.finish()]
    np.testing.assert_array_equal(np.concatenate([part for part in parts if len(part)]), whole)


@pytest.mark.parametrize("stable", [True, False])
def test_cache_equals_the_masked_whole(stable: bool) -> None:
    model, n_units = small_hubert(stable=stable), 4
    samples = noise(n_units * UNIT_HOP + 80)
    whole = masked_features(model, samples)
    assert whole.shape == (n_units * UNIT, 32)
    cached = CachedHubert(model)
    parts = [cached(samples[k * UNIT_HOP : k * UNIT_HOP + WINDOW]) for k in range(n_units)]
    assert cached.cached == n_units * UNIT
    assert np.abs(np.concatenate(parts) - whole).max() <= TOLERANCE * np.abs(whole).max()


def test_mask_matters_and_one_unit_is_the_whole_model() -> None:
    """Without context a unit is exactly transformers' own pass; context changes it."""
    model, samples = small_hubert(), noise(2 * UNIT_HOP + 80)
    alone = encoder_of(model)(samples[UNIT_HOP:])
    np.testing.assert_allclose(CachedHubert(model)(samples[UNIT_HOP:]), alone, atol=1e-4)
    assert np.abs(masked_features(model, samples)[UNIT:] - alone).max() > 1e-2


def test_fixed_context_serves_every_window_alike() -> None:
    model, corpus, window = small_hubert(), noise(3 * UNIT_HOP + 80, seed=1), noise(WINDOW, seed=2)
    fixed = CachedHubert(model, grow=False)
    fixed.prime(corpus)
    assert fixed.cached == 3 * UNIT
    first = fixed(window)
    np.testing.assert_array_equal(fixed(window), first)
    whole = masked_features(model, np.concatenate([corpus[: 3 * UNIT_HOP], window]))[3 * UNIT :]
    # the last vector of the corpus sees 80 samples beyond it, which differ here
    assert np.abs(first - whole).max() <= 0.05 * np.abs(whole).max()


def test_old_context_is_forgotten() -> None:
    cached = CachedHubert(small_hubert(), context=2 * UNIT)
    cached.prime(noise(6 * UNIT_HOP + 80))
    assert cached.cached == 2 * UNIT
    assert all(keys.shape[1] == 2 * UNIT for keys in cached._cache.keys)


def test_a_front_end_over_the_whole_recording_is_refused() -> None:
    with pytest.raises(StudioError, match="feat_extract_norm"):
        CachedHubert(small_hubert(norm="group"))


def test_user_weights_load_from_a_folder(tmp_path: Path) -> None:
    model = small_hubert()
    model.save_pretrained(tmp_path / "hubert")
    samples = noise(9000)
    again = hubert_features(samples, encoder_of(load_hubert(tmp_path / "hubert")))
    np.testing.assert_allclose(again, hubert_features(samples, encoder_of(model)), atol=1e-6)


def test_missing_weights_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for call in (lambda: load_hubert(tmp_path / "nothing"), lambda: OnnxHubert(tmp_path / "hubert.onnx")):
        with pytest.raises(StudioError, match=r"nothing|hubert\.onnx"):
            call()
    (tmp_path / "hubert.onnx").write_bytes(b"no graph")
    with pytest.raises(StudioError, match="cannot be loaded"):
        OnnxHubert(tmp_path / "hubert.onnx")


def onnx_hubert(path: Path, *, names: tuple[str, str] = ("input_values", "encoding_out")) -> np.ndarray:
    """A graph with the names and shapes of the released one: a strided convolution; returns its weights."""
    weights = np.random.default_rng(0).standard_normal((8, 1, 400)).astype(np.float32)
    nodes = [
        onnx.helper.make_node("Unsqueeze", [names[0], "axis"], ["rows"]),
        onnx.helper.make_node("Conv", ["rows", "weights"], ["columns"], strides=[320], kernel_shape=[400]),
        onnx.helper.make_node("Transpose", ["columns"], [names[1]], perm=[0, 2, 1]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "hubert",
        [onnx.helper.make_tensor_value_info(names[0], onnx.TensorProto.FLOAT, [1, "samples"])],
        [onnx.helper.make_tensor_value_info(names[1], onnx.TensorProto.FLOAT, [1, "vectors", 8])],
        [onnx.numpy_helper.from_array(weights, "weights"), onnx.numpy_helper.from_array(np.array([1]), "axis")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return weights


def test_released_onnx_names_load(tmp_path: Path) -> None:
    weights = onnx_hubert(tmp_path / "hubert.onnx")
    encode, window = OnnxHubert(tmp_path / "hubert.onnx"), noise(WINDOW)
    expected = np.stack([weights[:, 0] @ window[320 * j : 320 * j + 400] for j in range(20)])
    np.testing.assert_allclose(encode(window), expected, atol=1e-4)
    assert hubert_features(noise(5000), encode).shape == (8, 8)
    onnx_hubert(tmp_path / "other.onnx", names=("x", "y"))
    with pytest.raises(StudioError, match="input_values"):
        OnnxHubert(tmp_path / "other.onnx")
