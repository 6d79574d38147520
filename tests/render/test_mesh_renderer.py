"""The mesh renderer's promises on the shipped portraits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.assets import PORTRAITS
from pipelines.motion.atlas import load_atlas
from pipelines.motion.control import Control
from pipelines.motion.controls import CONTROLS
from pipelines.portrait.crop import resample
from pipelines.portrait.eyes import eye_ratio
from pipelines.portrait.landmarks import face_finder
from pipelines.render import choose_renderer
from pipelines.render.mesh import compose_kernels
from pipelines.render.mesh.anatomy import LID_LOWER, LID_UPPER
from pipelines.render.mesh.completion import NO_CHEEK
from pipelines.render.mesh.cover_kernels import cover_by_share
from pipelines.render.mesh.outline_kernels import room_for_outlines
from pipelines.render.mesh.rings import SEGMENTS

from .mesh_case import RENDERER, edited, handle, largest_difference, portrait, render

SHIPPED = sorted(path.stem for path in PORTRAITS.glob("*.jpg"))
DIMS = [c for c in CONTROLS if c.kind == "dim"]
GOLDENS = Path(__file__).parent.parent / "fixtures" / "mesh"
GOLDEN_EDITS: dict[str, tuple[str, dict[str, float]]] = {
    "turned": ("astronaut", {"yaw_deg": 15, "pitch_deg": 5, "smile": 0.5}),
    "spoken": ("astronaut", {"jaw_open": 0.6, "blink": 0.4}),
    "back_to_camera": ("mona_lisa", {"yaw_deg": -18}),
}


@pytest.mark.parametrize("size", [512, 256])
@pytest.mark.parametrize("name", SHIPPED)
def test_zero_edit_returns_the_photo_bit_for_bit(name: str, size: int) -> None:
    own = portrait(name)
    case = RENDERER.prepare(own, size=size)
    expected = resample(own, size).image
    assert np.array_equal(RENDERER.render(case, own.motion), expected)
    RENDERER.render(case, edited(name, yaw_deg=20, jaw_open=1, blink=1))
    assert np.array_equal(RENDERER.render(case, own.motion), expected), "a frame left traces in the handle"


def test_every_frame_is_written_whole_into_the_given_buffer() -> None:
    out = np.full((256, 256, 3), 77, np.uint8)
    case = handle("astronaut", 256)
    frame = RENDERER.render(case, edited("astronaut", smile=1), out=out)
    assert frame is out
    assert np.array_equal(out, RENDERER.render(case, edited("astronaut", smile=1)))


@pytest.mark.parametrize("control", DIMS, ids=lambda c: c.key)
def test_every_dim_changes_the_picture(control: Control) -> None:
    rest = handle("astronaut", 256).image
    change = max(
        largest_difference(render("astronaut", 256, **{control.key: value}), rest)
        for value in (control.lo, control.hi)
    )
    assert change > 2


@pytest.mark.parametrize("control", [c for c in DIMS if not c.live], ids=lambda c: c.key)
def test_inert_dims_act_around_their_keypoint(control: Control) -> None:
    case = handle("astronaut", 256)
    change = np.abs(render("astronaut", 256, **{control.key: control.hi}).astype(int) - case.image).max(2)
    rows, columns = np.nonzero(change > 2)
    assert control.keypoint is not None
    extent = np.hypot(np.ptp(rows), np.ptp(columns)) / case.geometry.unit_px
    assert extent < 1.6
    where = case.geometry.frame.to_px(load_atlas().kp_in_mesh[control.keypoint].astype(float))[:2]
    centre = np.array([columns.mean(), rows.mean()])
    assert np.linalg.norm(np.clip(where, 0, 255) - centre) / case.geometry.unit_px < 0.7


@pytest.mark.parametrize(
    ("key", "step"),
    [
        ("smile", 0.005),
        ("jaw_open", 0.0035),
        ("blink", 0.005),
        ("yaw_deg", 0.01),
        ("pitch_deg", 0.01),
        ("dim_45", 0.1),
    ],
)
@pytest.mark.parametrize("start", [0.0, 0.4])
def test_small_steps_make_small_changes(key: str, step: float, start: float) -> None:
    first = render("astronaut", **{key: start})
    change = np.abs(first.astype(int) - render("astronaut", **{key: start + step})).max(2)
    # the jaw's row is the longest: 0.0035 of it moves the lips 0.1 px, as far as 0.005 of the others
    # a smile overlaps the skin at the corners of the mouth: there single pixels may change their triangle
    assert (change > 8).sum() <= 3


@pytest.mark.parametrize(
    "values",
    [
        {"yaw_deg": 25, "pitch_deg": 15, "roll_deg": 20},
        {"yaw_deg": -25, "move_x": 0.1, "move_z": 0.1},
        {"jaw_open": 1, "smile": 1.3, "blink": 1},
        {f"dim_{d:02d}": 3 for d in range(63)},
    ],
)
@pytest.mark.parametrize("name", ["astronaut", "la_velata"])
def test_the_border_never_moves(name: str, values: dict[str, float]) -> None:
    rest, frame = handle(name).image, render(name, **values)
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert np.array_equal(frame[edge], rest[edge])


def test_an_expression_redraws_only_the_face() -> None:
    case = handle("astronaut")
    RENDERER.render(case, edited("astronaut", blink=0.5))
    RENDERER.render(case, edited("astronaut", blink=0.5))
    top, bottom, left, right = case.drawn
    assert (bottom - top) * (right - left) < 0.65 * 512 * 512


@pytest.mark.parametrize("name", SHIPPED)
def test_a_full_blink_brings_the_lids_together(name: str) -> None:
    case = handle(name)
    posed = case.rig.pose(edited(name, blink=1.0))
    for ring in case.geometry.eye_rings:
        gaps = np.linalg.norm(posed.vertices[ring[LID_UPPER], :2] - posed.vertices[ring[LID_LOWER], :2], axis=1)
        assert gaps.max() < 0.5


@pytest.mark.parametrize("name", ["astronaut", "la_velata"])
def test_a_detector_sees_closed_eyes_after_a_blink(name: str) -> None:
    closed = eye_ratio(face_finder().find(render(name, blink=1.0))[0].landmarks)
    assert (closed <= 0.35 * portrait(name).eye_ratio).all()


def test_a_turn_goes_where_it_was_asked() -> None:
    nose = 4
    case = handle("astronaut")
    for key, axis, sign in (("yaw_deg", 0, -1), ("pitch_deg", 1, 1)):
        posed = case.rig.pose(edited("astronaut", **{key: 10}))
        assert sign * (posed.rigid[nose, axis] - case.geometry.landmarks[nose, axis]) > 5


@pytest.mark.parametrize(
    ("name", "yaw_deg"), [("mona_lisa", -18), ("la_velata", -22), ("pearl_earring", -15), ("pearl_earring", -25)]
)
def test_a_cheek_turned_into_view_shows_no_seam_of_light(name: str, yaw_deg: float) -> None:
    case, motion = handle(name), edited(name, yaw_deg=yaw_deg)
    soft = cv2.GaussianBlur(RENDERER.render(case, motion), (0, 0), 4).mean(2)
    cheek, edge = case.rig.pose(motion).vertices[[50, 234], :2]
    way = cheek + (edge - cheek) * np.linspace(0, 0.85, 60)[:, None]
    light = np.log(soft[way[:, 1].astype(int), way[:, 0].astype(int)] + 8)
    assert np.abs(np.diff(light)).max() < 0.065
    assert abs(light[-1] - light[0]) < 0.3


@pytest.mark.parametrize("yaw_deg", [-25, 25])
def test_cloth_cut_off_by_the_crop_does_not_streak(yaw_deg: float) -> None:
    case, motion = handle("la_velata"), edited("la_velata", yaw_deg=yaw_deg, limit_strength=0)
    RENDERER.render(case, motion)
    step = np.abs(np.diff(case.map_x, axis=1))
    x, y = (each[:, :-1].astype(int).clip(0, 511) for each in (case.map_x, case.map_y))
    shown = case.layers.foreground[y, x, 3] > 0.5
    shown[:60], shown[-60:], shown[:, 90:-90] = False, False, False
    assert np.percentile(step[shown], 5) > 0.65, "source pixels drawn out over many"


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("values", [{"yaw_deg": 20}, {"pitch_deg": -15}, {"roll_deg": 15, "move_z": 0.1}])
def test_the_neck_stays_on_the_chin(name: str, values: dict[str, float]) -> None:
    case = handle(name)
    RENDERER.render(case, edited(name, **values))
    posed = case.rig.pose(edited(name, **values)).vertices
    geometry = case.geometry
    oval = geometry.carriers[geometry.n_face : geometry.n_face + 72 : 2, 0]
    inside, outside = posed[oval], posed[geometry.n_face : geometry.n_face + 72 : 2]
    assert np.abs(inside - outside)[:, :2].max() < 0.01, "a crack between face and surroundings"


@pytest.mark.parametrize("golden", sorted(GOLDEN_EDITS))
def test_pictures_look_as_before(golden: str) -> None:
    name, values = GOLDEN_EDITS[golden]
    frame = cv2.resize(render(name, 256, **values), (128, 128), interpolation=cv2.INTER_AREA)
    expected = cv2.imread(str(GOLDENS / f"{golden}.png"))
    assert expected is not None
    difference = np.abs(frame.astype(int) - expected[..., ::-1])
    assert difference.mean() < 1.0
    assert np.percentile(difference, 99) < 12


def test_the_renderer_says_why_it_was_chosen() -> None:
    assert choose_renderer().reason


@pytest.mark.parametrize("name", ["astronaut", "mona_lisa", "pearl_earring"])
@pytest.mark.parametrize(
    "values",
    [
        {"yaw_deg": -30, "pitch_deg": 10, "roll_deg": -10, "move_y": 0.2, "move_z": 0.2, "jaw_open": 1},
        {"yaw_deg": 30, "pitch_deg": -20, "move_x": -0.2, "move_y": -0.2, "blink": 1, "limit_strength": 0},
    ],
)
def test_the_outermost_pixels_never_change(name: str, values: dict[str, float]) -> None:
    frame, source = render(name, 256, **values), handle(name, 256).image
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        assert np.array_equal(frame[edge], source[edge])


def test_an_outline_at_rest_leaves_the_photo_alone() -> None:
    case = handle("pearl_earring", 256)
    frame, layers = case.image.copy(), case.layers
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    posed, flat = case.geometry.vertices.astype(np.float32), np.zeros((256, 256), np.float32)
    gain, gains = np.ones(len(posed), np.float32), np.ones((256, 256), np.float32)
    triangles, first_hole = case.geometry.drawn_triangles, case.geometry.first_hole
    mesh, whole = (posed, case.geometry.uv, gain, triangles, first_hole, 10.0), (0, 256, 0, 256)
    picture, soft = (layers.foreground, layers.background), (1e9, 3.0, 1e9, 1.0)
    room, maps = room_for_outlines(256), (x, y, gains, flat)
    cover_by_share(mesh, case.geometry.edges, picture, maps, whole, 20, soft, NO_CHEEK, room, frame)
    assert np.array_equal(frame, case.image)


@pytest.mark.parametrize("name", ["astronaut", "pearl_earring"])
def test_a_chin_moved_down_presses_the_neck_together_but_never_over_itself(name: str) -> None:
    case = handle(name)
    geometry = case.geometry
    moved = case.rig.pose(edited(name, move_y=0.08)).vertices.astype(float)
    inner = np.arange(geometry.n_face + SEGMENTS, len(moved) - SEGMENTS)
    way = geometry.vertices[inner + SEGMENTS] - geometry.vertices[inner]
    left = ((moved[inner + SEGMENTS] - moved[inner])[:, :2] * way[:, :2]).sum(1) / (way[:, :2] ** 2).sum(1)
    below = (way[:, 1] > np.abs(way[:, 0])) & (geometry.vertices[inner, 1] < geometry.size)
    assert below.sum() > 50
    assert left[below].min() > 0.2


def test_light_goes_on_over_the_outline_of_the_face() -> None:
    case = handle("la_velata")
    geometry = case.geometry
    gain = case.light.gain(case.rig.pose(edited("la_velata", yaw_deg=10)).vertices)
    silhouette = geometry.n_face + SEGMENTS + np.arange(SEGMENTS)
    same = np.isclose(geometry.vertices[silhouette], geometry.vertices[geometry.oval_ids]).all(1)
    assert same.sum() > SEGMENTS // 2 and np.ptp(gain) > 0.02
    assert np.array_equal(gain[silhouette[same]], gain[geometry.oval_ids[same]])


@pytest.mark.parametrize("gain", [0.82, 0.92, 1.08, 1.2])
def test_light_neither_greys_nor_bleaches_bright_skin(gain: float) -> None:
    size, skin = 16, np.array([250.0, 226.0, 190.0])
    photo = np.broadcast_to(skin.astype(np.uint8), (size, size, 3)).copy()
    foreground = np.ones((size, size, 4), np.float32)
    foreground[..., :3] = skin
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    out, gains = np.zeros_like(photo), np.full((size, size), gain, np.float32)
    empty, whole = np.zeros((size, size), np.bool_), (0, size, 0, size)
    compose_kernels.compose(photo, foreground, empty, np.zeros_like(photo), x, y, gains, whole, out)
    red, _, blue = out[size // 2, size // 2].astype(float)
    assert red < 255
    assert red / blue > 0.99 * skin[0] / skin[2]
    foreground[..., :3] = 0.4 * skin
    compose_kernels.compose(photo, foreground, empty, np.zeros_like(photo), x, y, gains, whole, out)
    assert np.allclose(out[size // 2, size // 2], 0.4 * gain * skin, rtol=0.02, atol=1)


def test_a_cheek_in_the_light_does_not_borrow_the_shadow_of_the_other() -> None:
    """An orange shadow with a hard edge lies on the half of the face that is seen; the other is turned into view."""
    own, turned = portrait("mona_lisa"), edited("mona_lisa", yaw_deg=-15)
    nose, ear = own.landmarks_in_crop[[1, 454], 0]
    y, x = np.mgrid[0:512, 0:512]
    shaded = (x > nose + 0.1 * (ear - nose)) & ((x + y) % 60 < 45)
    image = np.where(shaded[..., None], own.image * np.array([0.4, 0.25, 0.15]), own.image).astype(np.uint8)
    colours = []
    for each in (own, replace(own, image=image)):
        case = RENDERER.prepare(each)
        frame = cv2.GaussianBlur(RENDERER.render(case, turned), (0, 0), 2).astype(float)
        at = case.rig.pose(turned).vertices[[50, 58, 116, 187, 192], :2].astype(int)
        colours.append(frame[at[:, 1], at[:, 0]] + 8.0)
    assert np.abs(np.log(colours[1] / colours[0])).max() < 0.2
