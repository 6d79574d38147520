"""What the 63 dims do to the mesh: direction, place, and promises that hold for any edit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipelines.evaluation.renderer_stills import Still, robustness
from pipelines.motion.atlas import load_atlas
from pipelines.motion.control import Control
from pipelines.motion.controls import CONTROL_BY_KEY, CONTROLS, SLOTS
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.eyes import lid_closure
from pipelines.motion.space import N_EXP, Motion
from pipelines.portrait.topology import N_LANDMARKS, N_MESH
from pipelines.render.mesh.anatomy import LID_LOWER, LID_UPPER, LIPS_LOWER, LIPS_UPPER, canonical_in_head
from pipelines.render.mesh.basis import motion_basis
from pipelines.render.mesh.geometry import face_triangles
from pipelines.render.mesh.lids import lids_of_gaze
from pipelines.render.mesh.local_fields import local_fields

from .mesh_case import RENDERER, edited, handle, portrait

DIMS = [c for c in CONTROLS if c.kind == "dim"]
EXPRESSION = [c for c in CONTROLS if c.kind in ("semantic", "dim", "gaze")]
NAMES = ("astronaut", "mona_lisa")
ABSURD = 0.06
"""Offset of a dim in keypoint units: 20 times as far as some sliders reach."""


def displacement(name: str, **values: float) -> np.ndarray:
    """(478, 3) head-frame displacement of the landmarks under an edit."""
    own, motion = portrait(name).motion, edited(name, **values)
    exp, side = (motion.exp - own.exp)[0].ravel().astype(float), (motion.side - own.side)[0].ravel().astype(float)
    closure = lid_closure(exp - side, exp + side)
    return handle(name).rig.displace(exp - side, exp + side, closure=closure)


def area_ratios(name: str, motion: Motion) -> np.ndarray:
    """Area in the picture of every skin triangle that faces the photo's camera, as a share of rest.

    Without slivers of under three pixels and the corners of the eyes, where a closing lid slides over the skin.
    """
    geometry = handle(name).geometry
    triangles, _ = face_triangles()

    def areas(points: np.ndarray) -> np.ndarray:
        a, b, c = (points[triangles[:, k], :2].astype(float) for k in range(3))
        return (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]

    turned = geometry.vertices_in_head[:N_MESH] @ geometry.frame.rotation.T
    a, b, c = (turned[triangles[:, k]] for k in range(3))
    double_area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    longest = np.max([np.linalg.norm(p - q, axis=1) for p, q in ((a, b), (b, c), (c, a))], axis=0)
    rest = areas(turned)
    facing = (np.sign(np.median(rest)) * rest > 0.12 * double_area) & (double_area / longest > 0.021)
    facing &= ~np.isin(triangles, [ring[k] for ring in geometry.eye_rings for k in (0, 8)]).any(1)
    return (areas(handle(name).rig.pose(motion).vertices) / areas(geometry.vertices))[facing]


@pytest.mark.parametrize("control", [c for c in DIMS if c.live], ids=lambda c: c.key)
def test_live_dims_move_landmarks_the_measured_way(control: Control) -> None:
    assert control.dim is not None
    drawn = motion_basis().landmarks[control.dim, :N_MESH, :2]
    measured = load_atlas().J[control.dim, :N_MESH, :2]
    length = np.linalg.norm(drawn, axis=1)
    strong = length > 0.3 * length.max()
    product = (drawn * measured)[strong].sum()
    assert product > 0.25 * np.linalg.norm(drawn[strong]) * np.linalg.norm(measured[strong]) > 0


def test_outside_fields_leave_the_landmarks_to_the_atlas() -> None:
    live = tuple(c.dim for c in DIMS if c.live and c.dim in motion_basis().local)
    vertices = handle("astronaut").geometry.vertices_in_head
    fields = local_fields(vertices, live)
    assert live and not fields[:, :N_LANDMARKS].any()
    assert (np.abs(fields[:, N_LANDMARKS:]).max((1, 2)) > 0.3).all()


def test_lid_dims_close_their_own_eye_only() -> None:
    right = handle("astronaut").rig.pose(edited("astronaut", dim_34=20)).lid_closure
    left = handle("astronaut").rig.pose(edited("astronaut", dim_46=20)).lid_closure
    assert right[0] > 0.5 and abs(right[1]) < 1e-3
    assert left[1] > 0.5 and abs(left[0]) < 1e-3


def test_gaze_dims_turn_both_eyes_to_image_right() -> None:
    gaze = handle("astronaut").rig.pose(edited("astronaut", dim_45=10)).gaze_deg
    assert (gaze[:, 0] > 5).all()


def test_a_sided_smile_moves_its_own_half() -> None:
    moved = np.linalg.norm(displacement("astronaut", smile_left=1.0), axis=1)
    x = handle("astronaut").geometry.vertices_in_head[:478, 0]
    assert moved[x < -0.25].max() < 0.05 * moved[x > 0.25].max()


@pytest.mark.parametrize("key", ["smile", "upper_lip_raise", "corners_down"])
def test_a_side_moves_nothing_beyond_the_midline_and_two_sides_make_the_whole(key: str) -> None:
    one, both, two = (
        displacement("astronaut", **values)
        for values in (
            {f"{key}_right": 0.5},
            {key: 0.5},
            {f"{key}_right": 0.5, f"{key}_left": 0.5},
        )
    )
    other_half = canonical_in_head()[:, 0] > 0.02
    assert np.abs(one[other_half]).max() < 0.1 * np.abs(one).max()
    assert np.allclose(two, both, atol=1e-9)


def test_an_even_edit_of_even_dims_is_mirror_symmetric() -> None:
    mirror = load_atlas().vertex_mirror.astype(int)
    jaw = motion_basis().landmarks[58]
    assert np.allclose(jaw[mirror] * [-1, 1, 1], jaw, atol=1e-6)


@st.composite
def expression_edits(draw: st.DrawFn) -> dict[str, float]:
    """A few expression slots anywhere between their slider ends."""
    keys = [s for s in SLOTS if s.control in EXPRESSION and s.control.kind != "gaze"]
    chosen = draw(st.lists(st.sampled_from(range(len(keys))), min_size=1, max_size=12, unique=True))
    return {keys[i].key: draw(st.floats(keys[i].control.lo, keys[i].control.hi)) for i in chosen}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=expression_edits(), limits=st.sampled_from([0.0, 1.0]))
@pytest.mark.parametrize("name", NAMES)
def test_no_edit_folds_the_skin_or_crosses_the_lips(name: str, values: dict[str, float], limits: float) -> None:
    moved = displacement(name, **values, limit_strength=limits)
    assert np.isfinite(moved).all()
    assert area_ratios(name, edited(name, **values, limit_strength=limits)).min() > 0
    head = handle(name).geometry.vertices_in_head
    rest = head[LIPS_LOWER, 1] - head[LIPS_UPPER, 1]
    gap = rest + moved[LIPS_LOWER, 1] - moved[LIPS_UPPER, 1]
    assert (gap >= np.minimum(rest, 0) - 1e-6).all()


@pytest.mark.parametrize(("name", "edits"), [("mona_lisa", 44), ("la_velata", 28)])
def test_random_edits_of_a_turned_face_neither_fold_nor_cross_in_the_picture(name: str, edits: int) -> None:
    found = robustness(Still(portrait(name), RENDERER), edits=edits)
    counts = (found.not_finite, found.folded, found.lashes_folded, found.lips_crossed, found.lids_crossed)
    assert counts == (0, 0, 0, 0, 0)
    assert found.deepest_overlap_px < 0.15


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    values=expression_edits(),
    lids=st.fixed_dictionaries(
        {
            key: st.floats(slot.control.lo, slot.control.hi)
            for slot in SLOTS
            if slot.control.key in ("blink", "eye_wide", "squint", "gaze_y_deg")
            for key in (slot.key,)
        }
    ),
)
@pytest.mark.parametrize("name", NAMES)
def test_no_edit_turns_the_lids_over(name: str, values: dict[str, float], lids: dict[str, float]) -> None:
    own, rig, rings = portrait(name).motion, handle(name).rig, handle(name).geometry.eye_rings
    motion = edited(name, **{**values, **lids}, limit_strength=0.0)
    exp, side = (motion.exp - own.exp)[0].ravel().astype(float), (motion.side - own.side)[0].ravel().astype(float)
    closure, drop = lids_of_gaze(
        lid_closure(exp - side, exp + side), (motion.gaze_deg - own.gaze_deg)[0, :, 1].astype(float)
    )
    moved = rig.displace(exp - side, exp + side, closure=closure, drop=drop)
    head = handle(name).geometry.vertices_in_head[: len(moved)]
    for ring, closed in zip(rings, closure, strict=True):
        rest = head[ring[LID_LOWER]] - head[ring[LID_UPPER]]
        gap = rest + moved[ring[LID_LOWER]] - moved[ring[LID_UPPER]]
        assert ((gap * rest).sum(1) >= -3e-4 * np.linalg.norm(rest, axis=1)).all()
        assert closed <= 1.0


def single(dim: int, value: float) -> list[float]:
    """Shares of ABSURD with one dim alone at `value`."""
    return [value / ABSURD if k == dim else 0.0 for k in range(N_EXP)]


def absurd(name: str, vector: list[float]) -> Motion:
    """The portrait's own motion with every dim offset by its share of ABSURD."""
    own = portrait(name).motion
    return own.with_(exp=own.exp + np.float32(ABSURD) * np.array(vector, np.float32).reshape(own.exp.shape))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(vector=st.lists(st.floats(-1, 1), min_size=N_EXP, max_size=N_EXP))
@example(vector=single(14, -0.05))
@example(vector=single(56, 0.05))
@example(vector=single(34, -0.08))
@pytest.mark.parametrize("name", (*NAMES, "pearl_earring"))
def test_even_absurd_expressions_stay_finite_and_unfolded(name: str, vector: list[float]) -> None:
    motion = absurd(name, vector)
    assert np.isfinite(handle(name).rig.pose(motion).vertices).all()
    assert area_ratios(name, motion).min() > 0


@pytest.mark.parametrize("dim", [7, 12, 34, 40, 43])
def test_what_smoothing_cannot_unfold_is_scaled_back(dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.render.mesh.unfolding.UNFOLD_ATTEMPTS", 1)
    for value in (-ABSURD, ABSURD):
        assert area_ratios("mona_lisa", absurd("mona_lisa", single(dim, value))).min() > 0


@pytest.mark.parametrize("other", [{"eye_wide": 1.0}, {"brow_raise": -1.0}, {"dim_40": 9.6}], ids=str)
def test_skin_that_cannot_fold_beside_a_turned_eye_does_not_hold_back_a_smile(other: dict[str, float]) -> None:
    corners = [61, 291]
    alone = displacement("mona_lisa", smile=1.0)[corners]
    added = (displacement("mona_lisa", smile=1.0, **other) - displacement("mona_lisa", **other))[corners]
    assert np.linalg.norm(added - alone) < 0.05 * np.linalg.norm(alone)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    yaw=st.floats(-25, 25),
    pitch=st.floats(-20, 20),
    roll=st.floats(-20, 20),
    x=st.floats(-0.1, 0.1),
    scale=st.floats(0.8, 1.2),
)
def test_pose_leaves_the_far_background_where_it_was(
    yaw: float, pitch: float, roll: float, x: float, scale: float
) -> None:
    own = portrait("astronaut")
    motion = apply_edit(own, own.motion, Edit.of({"yaw_deg": yaw, "pitch_deg": pitch, "roll_deg": roll, "move_x": x}))
    motion = motion.with_(scale=motion.scale * np.float32(scale))
    case = handle("astronaut")
    posed = case.rig.pose(motion)
    assert np.isfinite(posed.vertices).all()
    still = case.geometry.follow == 0
    assert still.any()
    assert np.abs(posed.vertices[still, :2] - case.geometry.vertices[still, :2]).max() < 1e-3


@pytest.mark.parametrize("name", (*NAMES, "pearl_earring"))
def test_a_stronger_smile_is_a_wider_one_to_the_end_of_its_slider(name: str) -> None:
    corners = [61, 291]
    head = handle(name).geometry.vertices_in_head[corners]
    strengths = np.linspace(0, CONTROL_BY_KEY["smile"].hi, 9)
    widths = [
        np.linalg.norm(np.diff(head + displacement(name, smile=float(value))[corners], axis=0)) for value in strengths
    ]
    assert np.diff(widths).min() > 0
