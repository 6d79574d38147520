"""Sampling against the reference, and its promises: seeds repeat, segments do not depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.networks.motion_transformer import MotionTransformer
from pipelines.speech.choice import STEPS
from pipelines.speech.diffusion import DdimSampler, SamplerOptions, ddim_times
from tests.networks.conftest import Oracle

from .inputs import debug_inputs


@pytest.mark.parametrize("steps", [10, 50])
def test_times_equal_the_reference(oracle: Oracle, steps: int) -> None:
    assert ddim_times(steps) == oracle.golden("lmdm")[f"ddim{steps}.times"].tolist()


def test_ten_steps_equal_the_reference(oracle: Oracle) -> None:
    net, golden, i = oracle.load(MotionTransformer(), "lmdm"), oracle.golden("lmdm"), oracle.inputs("lmdm")
    assert isinstance(net, MotionTransformer)
    noise = [torch.from_numpy(oracle.fill.lmdm_step_noise(10, step)) for step in range(10)]
    out = DdimSampler(net).sample(i["cond_frame"], i["cond"], start_noise=i["x_T"], step_noise=noise)
    oracle.check(golden, "ddim10.out", out, 1e-3)


@pytest.mark.parametrize("steps", [10, 50])
def test_step_weights_equal_the_reference(oracle: Oracle, debug_transformer: MotionTransformer, steps: int) -> None:
    """50 steps differ from 10 by these weights alone."""
    golden = oracle.golden("lmdm")
    plan = DdimSampler(debug_transformer, SamplerOptions(steps=steps))._plan
    assert (plan[-1].keep, plan[-1].noise, plan[-1].sigma) == (1, 0, 0)
    for name, field in (("alpha_next_sqrt", "keep"), ("sigma", "sigma"), ("c", "noise")):
        got = [getattr(step, field) for step in plan[:-1]]
        np.testing.assert_allclose(got, golden[f"ddim{steps}.{name}"], rtol=1e-4, atol=1e-6)


@settings(deadline=None, max_examples=6)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 6), reuse=st.booleans(), eta=st.sampled_from([0.0, 0.5, 1.0]))
def test_a_seed_repeats_and_another_differs(
    debug_transformer: MotionTransformer, seed: int, steps: int, reuse: bool, eta: float
) -> None:
    options = SamplerOptions(steps=steps, seed=seed, reuse_noise=reuse, eta=eta)
    frame, cond = debug_inputs(debug_transformer)
    sampler = DdimSampler(debug_transformer, options)
    third = sampler.segment(3, frame, cond)
    sampler.segment(0, frame, cond)
    np.testing.assert_array_equal(DdimSampler(debug_transformer, options).segment(3, frame, cond), third)
    np.testing.assert_array_equal(sampler.segment(3, frame, cond), third)
    assert not np.array_equal(sampler.segment(4, frame, cond), third)
    other = DdimSampler(debug_transformer, SamplerOptions(steps=steps, seed=seed + 1, reuse_noise=reuse, eta=eta))
    assert not np.array_equal(other.segment(3, frame, cond), third)


@pytest.mark.parametrize(
    "values", [{"steps": 0}, {"steps": 1000}, {"guidance": -1.0}, {"guidance": 99.0}, {"eta": 1.5}, {"seed": -1}]
)
def test_options_are_checked(values: dict[str, float]) -> None:
    with pytest.raises(StudioError, match=f"`{next(iter(values))}`"):
        SamplerOptions(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [*STEPS, 1, 7])
def test_any_number_of_steps_gives_finite_weights(debug_transformer: MotionTransformer, steps: int) -> None:
    plan = DdimSampler(debug_transformer, SamplerOptions(steps=steps))._plan
    assert np.isfinite([[step.keep, step.noise, step.sigma] for step in plan]).all()
