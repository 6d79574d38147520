"""The cosine schedule and one guided step of the diffusion, against the reference and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.networks.diffusion_step import MAX_BETA, GuidedStep, cosine_schedule
from pipelines.networks.motion_transformer import N_TIMES, MotionTransformer, TransformerConfig
from pipelines.networks.seeded import seed_weights

from .conftest import Oracle

SCHEDULE = cosine_schedule()
DEBUG = seed_weights(MotionTransformer(TransformerConfig.debug())).requires_grad_(False)


def debug_inputs(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noisy motion, reference frame and condition of the debug size."""
    generator = torch.Generator().manual_seed(seed)
    config = DEBUG.config
    shapes = (
        (1, config.n_frames, config.motion_width),
        (1, config.motion_width),
        (1, config.n_frames, config.cond_width),
    )
    x, frame, cond = (torch.randn(shape, generator=generator) for shape in shapes)
    return x, frame, cond


def test_schedule_equals_the_reference(oracle: Oracle) -> None:
    golden = oracle.golden("lmdm")
    np.testing.assert_allclose(SCHEDULE.betas, golden["schedule.betas_f64"], rtol=1e-9, atol=1e-13)
    for name in ("alphas_cumprod", "sqrt_recip1m_alphas_cumprod", "sqrt_recipm1_alphas_cumprod"):
        value = getattr(SCHEDULE, name)
        assert value.dtype == torch.float32
        np.testing.assert_allclose(value, golden[f"schedule.{name}"], rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("time", [0, 99, 499, 999])
def test_guided_step_equals_the_reference(oracle: Oracle, time: int) -> None:
    net, golden, i = oracle.load(MotionTransformer(), "lmdm"), oracle.golden("lmdm"), oracle.inputs("lmdm")
    assert isinstance(net, MotionTransformer)
    pred_noise, x_start = GuidedStep(net)(i["x"], i["cond_frame"], i["cond"], torch.tensor([time]))
    oracle.check(golden, f"guided.t{time}.x_start", x_start, 1e-4)
    oracle.check(golden, f"guided.t{time}.pred_noise", pred_noise, 1e-4)


def test_schedule_falls_from_one_to_nothing() -> None:
    left = SCHEDULE.alphas_cumprod
    assert left.shape == (N_TIMES,) and bool((left.diff() < 0).all())
    assert 0.9999 < float(left[0]) < 1 and 0 < float(left[-1]) < 1e-8
    assert bool((SCHEDULE.betas.diff() >= 0).all()) and float(SCHEDULE.betas[0]) > 0
    assert float(SCHEDULE.betas[-1]) == MAX_BETA
    assert all(bool(table.isfinite().all()) for table in vars(SCHEDULE).values())


@settings(deadline=None, max_examples=50)
@given(time=st.integers(0, N_TIMES - 1))
def test_tables_agree_with_each_other(time: int) -> None:
    """Both derived tables come from the same share: their quotient is its square root."""
    left = float(SCHEDULE.alphas_cumprod[time])
    noisy, ratio = SCHEDULE.sqrt_recip1m_alphas_cumprod[time], SCHEDULE.sqrt_recipm1_alphas_cumprod[time]
    assert float(1 / (noisy * ratio)) == pytest.approx(left**0.5, rel=1e-3)


@settings(deadline=None, max_examples=12)
@given(time=st.integers(0, N_TIMES - 1), seed=st.integers(0, 999))
def test_clean_motion_and_noise_make_the_noisy_motion(time: int, seed: int) -> None:
    x, frame, cond = debug_inputs(seed)
    noise, start = GuidedStep(DEBUG)(x, frame, cond, torch.tensor([time]))
    left = SCHEDULE.alphas_cumprod[time].double()
    again = left.sqrt() * start.double() + (1 - left).sqrt() * noise.double()
    # The released table takes 1 from a float32 just above 1, which leaves three digits at the first times.
    torch.testing.assert_close(again, x.double(), rtol=0, atol=1e-3 * float(start.abs().max()))


@settings(deadline=None, max_examples=8)
@given(time=st.integers(0, N_TIMES - 1), seed=st.integers(0, 999), weight=st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_guidance_moves_from_without_to_with(time: int, seed: int, weight: float) -> None:
    (x, frame, cond), t = debug_inputs(seed), torch.tensor([time])
    with_cond, without = DEBUG(x, frame, cond, t), DEBUG(x, frame, cond, t, keep=torch.tensor([False]))
    _, start = GuidedStep(DEBUG, weight)(x, frame, cond, t)
    torch.testing.assert_close(start, without + weight * (with_cond - without), rtol=1e-4, atol=1e-4)


def test_step_adds_no_weights() -> None:
    """The tables are not part of a checkpoint."""
    assert len(GuidedStep(DEBUG).state_dict()) == len(DEBUG.state_dict())
