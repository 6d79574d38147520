"""The toy sizes: shapes, stored outputs, and the rewritten look-ups. Needs no weights and no other folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pipelines.networks.bundle import Networks
from pipelines.networks.sampling import identity_grid, sample_shifted, sample_volume
from pipelines.networks.spade import SpectralConv2d

STORED = Path(__file__).parent / "debug_outputs.npz"


def run_debug_nets() -> dict[str, Tensor]:
    """Every network of the debug bundle on inputs that need no random generator."""
    nets = Networks.seeded(debug=True)
    ramp = torch.linspace(0, 1, 64)
    image = torch.stack([ramp[:, None] * ramp, (7 * ramp)[:, None].sin().abs() * ramp, (ramp[:, None] - ramp).abs()])
    x_s = torch.sin(torch.arange(63.0)).reshape(1, 21, 3) * 0.6
    x_d = x_s + 0.05 * torch.cos(torch.arange(63.0)).reshape(1, 21, 3)
    assert nets.eye is not None and nets.lip is not None
    with torch.no_grad():
        volume = nets.appearance(image[None])
        warped = nets.warping(volume, x_s, x_d)
        return {
            "volume": volume,
            **{f"motion.{name}": value for name, value in nets.motion(image[None])._asdict().items()},
            "feature": warped.feature,
            "occlusion": warped.occlusion,
            "deformation": warped.deformation,
            "picture": nets.decoder(warped.feature),
            "stitched": nets.stitching.stitch(x_s, x_d),
            "eye": nets.eye.offsets(x_s, torch.tensor([[0.3, 0.2, 0.1]])),
            "lip": nets.lip.offsets(x_s, torch.tensor([[0.2, 0.0]])),
        }


def store_debug_outputs() -> None:
    """Write the expected numbers anew; run it only after a change that is meant to change them."""
    np.savez_compressed(
        STORED, **{k: v.flatten()[:: max(1, v.numel() // 500)].numpy() for k, v in run_debug_nets().items()}
    )


def test_debug_nets_give_the_stored_numbers() -> None:
    outputs = run_debug_nets()
    with np.load(STORED) as stored:
        assert set(stored) == set(outputs)
        for name, value in outputs.items():
            expected = stored[name]
            got = value.flatten()[:: max(1, value.numel() // 500)].numpy()
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * np.abs(expected).max(), err_msg=name)


def test_debug_shapes_chain() -> None:
    outputs = run_debug_nets()
    assert outputs["volume"].shape == (1, 4, 4, 16, 16)
    assert outputs["deformation"].shape == (1, 4, 16, 16, 3)
    assert outputs["picture"].shape == (1, 3, 128, 128)
    assert 0 < float(outputs["picture"].min()) < float(outputs["picture"].max()) < 1


def test_no_motion_deforms_nothing() -> None:
    nets = Networks.seeded(debug=True)
    x_s = torch.sin(torch.arange(63.0)).reshape(1, 21, 3) * 0.6
    volume = torch.sin(torch.arange(4096.0)).reshape(1, 4, 4, 16, 16)
    with torch.no_grad():
        deformation = nets.warping(volume, x_s, x_s).deformation[0]
    torch.testing.assert_close(deformation, identity_grid(4, 16, 16, like=volume))


def test_fold_keeps_the_picture() -> None:
    decoder = Networks.seeded(debug=True).decoder
    feature = torch.sin(torch.arange(16 * 256.0)).reshape(1, 16, 16, 16)
    with torch.no_grad():
        before = decoder(feature)
        after = decoder.fold()(feature)
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6)
    assert not any(isinstance(part, SpectralConv2d) for part in decoder.modules())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), reach=st.sampled_from([0.9, 1.3, 4.0]), depth=st.sampled_from([2, 4, 7]))
def test_rewritten_look_up_equals_grid_sample(seed: int, reach: float, depth: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    volume = torch.randn(2, 3, depth, 6, 5, generator=generator)
    grid = (torch.rand(2, depth, 4, 5, 3, generator=generator) * 2 - 1) * reach
    native = sample_volume(volume, grid, sampler="native")
    torch.testing.assert_close(sample_volume(volume, grid, sampler="rewritten"), native, rtol=0, atol=2e-6)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), reach=st.sampled_from([0.1, 1.0, 3.0]))
def test_rewritten_shifts_equal_grid_sample(seed: int, reach: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    volume = torch.randn(2, 3, 4, 6, 5, generator=generator)
    shift = (torch.rand(2, 7, 3, generator=generator) * 2 - 1) * reach
    native = sample_shifted(volume, shift, sampler="native")
    torch.testing.assert_close(sample_shifted(volume, shift, sampler="rewritten"), native, rtol=0, atol=2e-5)


def test_rewritten_look_up_is_as_exact_at_full_size() -> None:
    """Large volumes are where positions inside a pixel can get lost."""
    generator = torch.Generator().manual_seed(3)
    volume = torch.randn(1, 32, 16, 64, 64, generator=generator)
    grid = identity_grid(16, 64, 64, like=volume) + 0.2 * torch.rand(1, 16, 64, 64, 3, generator=generator) - 0.1
    shift = 0.2 * torch.rand(1, 22, 3, generator=generator) - 0.1
    for look_up, thing, where in ((sample_volume, volume, grid), (sample_shifted, volume[:, :4], shift)):
        native, rewritten = (look_up(thing, where, sampler=name) for name in ("native", "rewritten"))
        torch.testing.assert_close(rewritten, native, rtol=0, atol=2e-6)


def test_coordinates_that_are_not_numbers_stay_inside() -> None:
    """Half precision may overflow: the picture is then not finite and is drawn again, but nothing may crash."""
    volume, grid = torch.ones(1, 2, 4, 6, 5), torch.zeros(1, 4, 6, 5, 3)
    grid[0, 0, 0, 0], grid[0, 1, 0, 0], grid[0, 2, 0, 0] = torch.nan, torch.inf, -torch.inf
    seen = sample_volume(volume, grid, sampler="rewritten")
    assert not seen[0, 0, 0, 0, 0].isfinite()
    assert seen[0, :, 3].isfinite().all()


def test_both_samplers_warp_alike() -> None:
    nets = Networks.seeded(debug=True)
    volume = torch.sin(torch.arange(4096.0)).reshape(1, 4, 4, 16, 16)
    x_s = torch.sin(torch.arange(63.0)).reshape(1, 21, 3) * 0.6
    with torch.no_grad():
        native = nets.warping(volume, x_s, 0.9 * x_s)
        rewritten = nets.warping.use_sampler("rewritten")(volume, x_s, 0.9 * x_s)
    torch.testing.assert_close(rewritten.feature, native.feature, rtol=0, atol=1e-5)
    assert native.feature.abs().max() > 1e-3


def test_mixed_precision_stays_close() -> None:
    """Half precision only where it is safe: coordinates and look-ups keep 32 bits."""
    nets = Networks.seeded(debug=True)
    volume = torch.sin(torch.arange(4096.0)).reshape(1, 4, 4, 16, 16)
    x_s = torch.sin(torch.arange(63.0)).reshape(1, 21, 3) * 0.6
    with torch.no_grad():
        full = nets.warping(volume, x_s, 0.9 * x_s)
        mixed = nets.warping.to_mixed()(volume, x_s, 0.9 * x_s)
    assert mixed.feature.dtype == torch.float16
    assert mixed.deformation.dtype == torch.float32
    torch.testing.assert_close(mixed.deformation, full.deformation, rtol=0, atol=1e-3)
    torch.testing.assert_close(mixed.feature.float(), full.feature, rtol=0, atol=1e-2)


def test_preparing_leaves_the_networks_alone() -> None:
    """Engines are keyed by these weights, so a renderer in use must not change them."""
    networks = Networks.seeded(debug=True)
    before = list(networks.decoder.state_dict())
    ready = networks.prepared(torch.device("cpu"), half=True)
    assert list(networks.decoder.state_dict()) == before
    assert ready.decoder.fc.weight.dtype == torch.float16
    assert networks.decoder.fc.weight.dtype == networks.warping.fourth.weight.dtype == torch.float32
    assert networks.prepared(torch.device("cpu")).warping is networks.warping
