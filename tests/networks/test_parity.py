"""Every network against the reference implementation, number by number."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from pipelines.motion.space import Motion, bins_to_degrees, keypoints
from pipelines.networks.appearance import AppearanceExtractor
from pipelines.networks.motion_extractor import MotionExtractor
from pipelines.networks.motion_transformer import MotionTransformer
from pipelines.networks.spade import SpadeDecoder
from pipelines.networks.stitching import EyeRetargeting, LipRetargeting, Stitching
from pipelines.networks.warping import WarpingModule

from .conftest import Oracle


def test_appearance(oracle: Oracle) -> None:
    name = "appearance_feature_extractor"
    net, golden = oracle.load(AppearanceExtractor(), name), oracle.golden(name)
    with oracle.check_parts(golden, net, 1e-4):
        out = net(oracle.inputs(name)["image"])
    oracle.check(golden, "out", out, 1e-4)


def test_motion_extractor(oracle: Oracle) -> None:
    net, golden = oracle.load(MotionExtractor(), "motion_extractor"), oracle.golden("motion_extractor")
    with oracle.check_parts(golden, net, 1e-4):
        out = net(oracle.inputs("motion_extractor")["image"])
    for name, value in out._asdict().items():
        oracle.check(golden, name, value, 1e-4)


@pytest.mark.parametrize(("name", "net"), [("stitching", Stitching), ("eye", EyeRetargeting), ("lip", LipRetargeting)])
def test_perceptrons(oracle: Oracle, name: str, net: type) -> None:
    out = oracle.load(net(), name)(oracle.inputs("mlp")[name])
    oracle.check(oracle.golden("mlp"), name, out, 1e-5)


def test_warping(oracle: Oracle) -> None:
    net, golden = oracle.load(WarpingModule(), "warping_module"), oracle.golden("warping_module")
    inputs = oracle.inputs("warping_module")
    with oracle.check_parts(golden, net, 1e-3):
        out = net(inputs["feature_3d"], inputs["kp_source"], inputs["kp_driving"])
    oracle.check(golden, "out", out.feature, 1e-3)
    oracle.check(golden, "occlusion_map", out.occlusion, 1e-3)
    oracle.check(golden, "deformation", out.deformation, 1e-3)


def test_decoder(oracle: Oracle) -> None:
    net, golden = oracle.load(SpadeDecoder(), "spade_generator"), oracle.golden("spade_generator")
    with oracle.check_parts(golden, net, 1e-3):
        out = net(oracle.inputs("spade_generator")["feature"])
    oracle.check(golden, "out", out, 1e-3)


def test_chain(oracle: Oracle) -> None:
    """Picture to keypoints to stitching to warp to picture, as the renderer chains them."""
    golden = oracle.golden("chain")
    images = oracle.inputs("motion_extractor")["image"]
    features = oracle.load(MotionExtractor(), "motion_extractor")(images)
    motion = Motion.of(
        pitch_deg=bins_to_degrees(features.pitch),
        yaw_deg=bins_to_degrees(features.yaw),
        roll_deg=bins_to_degrees(features.roll),
        t=features.t.numpy(),
        exp=features.exp.reshape(-1, 21, 3).numpy(),
        scale=features.scale[:, 0].numpy(),
    )
    both = torch.from_numpy(keypoints(features.kp[0].numpy(), motion))
    x_s, x_d = both[:1], both[1:]
    oracle.check(golden, "x_s", x_s, 1e-4)
    oracle.check(golden, "x_d", x_d, 1e-4)

    stitching = oracle.load(Stitching(), "stitching")
    x_d = stitching.stitch(x_s, x_d)
    oracle.check(golden, "x_d_stitched", x_d, 1e-4)
    eye, lip = oracle.load(EyeRetargeting(), "eye"), oracle.load(LipRetargeting(), "lip")
    oracle.check(golden, "eye_delta", eye.offsets(x_s, torch.tensor([[0.31, 0.27, 0.1]])), 1e-4)
    oracle.check(golden, "lip_delta", lip.offsets(x_s, torch.tensor([[0.2, 0.05]])), 1e-4)

    volume = oracle.load(AppearanceExtractor(), "appearance_feature_extractor")(images[:1])
    oracle.check(golden, "feature_3d", volume, 1e-4)
    warped = oracle.load(WarpingModule(), "warping_module")(volume, x_s, x_d)
    oracle.check(golden, "occlusion_map", warped.occlusion, 1e-3)
    oracle.check(golden, "deformation", warped.deformation, 1e-3)
    picture = copy.deepcopy(oracle.load(SpadeDecoder(), "spade_generator")).fold()(warped.feature)
    oracle.check(golden, "out", picture, 1e-3)
    pixels = (picture[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    np.testing.assert_allclose(pixels.mean((0, 1)), golden["out_uint8_mean_rgb"], atol=0.02)


def test_motion_transformer(oracle: Oracle) -> None:
    net, golden = oracle.load(MotionTransformer(), "lmdm"), oracle.golden("lmdm")
    i = oracle.inputs("lmdm")
    x, frame, cond, time = i["x"], i["cond_frame"], i["cond"], i["time_cond"]
    oracle.check(golden, "cond.out", net(x, frame, cond, time), 1e-4)
    oracle.check(golden, "uncond.out", net(x, frame, cond, time, keep=torch.tensor([False])), 1e-4)
    for t in (0, 999):
        guided = net.guided(x, frame, net.encode(cond), torch.tensor([t]), weight=2.0)
        oracle.check(golden, f"guided.t{t}.x_start", guided, 1e-4)
