"""Head pose: recovered from made-up heads, and against LivePortrait's own output on film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.motion.atlas import load_atlas
from pipelines.motion.space import rotation_matrix
from pipelines.portrait.pose import euler_deg, head_pose, source_motion

angles = st.floats(-60, 60)


@given(pitch=angles, yaw=angles, roll=angles, scale=st.floats(20, 400), x=st.floats(0, 512), z=st.floats(-100, 100))
def test_similarity_is_recovered(pitch: float, yaw: float, roll: float, scale: float, x: float, z: float) -> None:
    rotation = rotation_matrix(pitch, yaw, roll).T
    mesh = np.nan_to_num(np.array(load_atlas().mesh_canonical, np.float64))
    pose = head_pose(scale * mesh @ rotation.T + [x, 200.0, z])
    np.testing.assert_allclose(pose.scale_px, scale, rtol=1e-6)
    np.testing.assert_allclose(euler_deg(pose.rotation), (pitch, yaw, roll), atol=1e-4)
    np.testing.assert_allclose(pose.centre_in_crop, [x, 200.0, z], atol=1e-3)
    np.testing.assert_allclose(pose.to_mesh(scale * mesh @ rotation.T + [x, 200.0, z]), mesh, atol=1e-9)


def test_motion_agrees_with_the_motion_extractor_on_film(shared: Path) -> None:
    """Against 961 frames of seven people: errors as the atlas states them."""
    with np.load(shared / "motion" / "pairs.npz", allow_pickle=False) as pairs:
        frames = np.flatnonzero(pairs["clip_id"] < 7)[::6]
        mesh, scale, rotation, centre = (
            pairs[k][frames].astype(np.float64) for k in ("lmk", "lm_scale", "lm_rot", "lm_center")
        )
        true_rotation, true_scale, true_t = (pairs[k][frames].astype(np.float64) for k in ("R", "scale", "t"))
    size = 512
    errors_deg, scale_ratio, t_error = [], [], []
    for i in range(len(frames)):
        in_unit = scale[i] * mesh[i] @ rotation[i].T + np.append(centre[i][:2], 0.0)
        in_crop = in_unit * size / 2
        in_crop[:, :2] += 0.5 * size - 0.5
        motion = source_motion(head_pose(in_crop), crop_size=size)
        found = np.array([motion.pitch_deg[0], motion.yaw_deg[0], motion.roll_deg[0]])
        errors_deg.append(found - euler_deg(true_rotation[i].T))
        scale_ratio.append(motion.scale[0] / true_scale[i])
        t_error.append(motion.t[0, :2] - true_t[i][:2])
    assert (np.abs(errors_deg).mean(0) < [3.0, 1.0, 1.0]).all()
    assert abs(np.mean(scale_ratio) - 1) < 0.03
    assert (np.abs(t_error).mean(0) < [0.01, 0.03]).all()
