"""Eyes drawn over real portraits by the real renderer."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.assets import PORTRAITS
from pipelines.portrait.landmarks import face_finder
from pipelines.portrait.topology import EYE_INNER, EYE_OUTER, EYES, LID_PAIRS
from pipelines.render.mesh.eye_kernels import LOW_U, LOW_V, UP_U, UP_V
from pipelines.render.mesh.eyes import BALL_RADIUS_MM, IRIS_RADIUS_MM, OVERLAP, Eye, EyeLayer, gaze_rotation
from pipelines.render.mesh.geometry import build_geometry
from pipelines.render.mesh.lids import CREASE_UP, lids_of_gaze

from .mesh_case import RENDERER, drawn, edited, handle, largest_difference, render

NAMES = ("astronaut", "mona_lisa")
"""Opening of shut eyes as a share of rest that a detector still claims on a painted head turned by 35 degrees."""
SHIPPED = sorted(path.stem for path in PORTRAITS.glob("*.jpg"))


def eyes_of(name: str, size: int = 512) -> tuple[Eye, ...]:
    layer = handle(name, size).features[0]
    assert isinstance(layer, EyeLayer)
    return layer.eyes


def opening_mask(eye: Eye, shape: tuple[int, ...], shrink: int = 0) -> np.ndarray:
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(eye.ring_px).astype(np.int32)], 1)
    return cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=shrink) > 0


@pytest.mark.parametrize("name", NAMES)
def test_drawing_at_rest_changes_nothing(name: str) -> None:
    case = handle(name)
    flat = np.full_like(case.image, 77)
    assert np.array_equal(drawn(EyeLayer(case.image, case.geometry), flat, case.rig.pose(edited(name))), flat)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("control", "step"), [("gaze_x_deg", 0.01), ("gaze_y_deg", 0.01), ("blink", 0.005), ("eye_wide", 0.005)]
)
@pytest.mark.parametrize("start", [0.0, 0.43, 0.8, 0.98])
def test_a_small_step_is_a_small_change(name: str, control: str, step: float, start: float) -> None:
    case = handle(name)
    before, after = (
        drawn(case.features[0], case.image, case.rig.pose(edited(name, **{control: value})))
        for value in (start, start + step)
    )
    assert largest_difference(before, after) <= 8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gaze_deg", [-18.0, 18.0])
def test_gaze_turns_the_iris_by_the_angle_asked(name: str, gaze_deg: float) -> None:
    case = handle(name)
    still = case.rig.pose(edited(name))
    assert not still.moved
    for side, eye in enumerate(eyes_of(name)):
        gaze = np.zeros((2, 2), np.float32)
        gaze[:, 0] = gaze_deg
        turned = replace(still, gaze_deg=gaze, moved=True)
        picture = drawn(case.features[0], case.image, turned)
        inside = opening_mask(eye, picture.shape, 1)
        x = np.mgrid[0 : case.image.shape[0], 0 : case.image.shape[1]][1]
        before, after = (_dark_centre(p, x, inside) for p in (case.image, picture))
        rest = np.array([*eye.ball[3:], -np.sqrt(eye.ball[2] ** 2 - (eye.ball[3:] ** 2).sum())])
        expected = (gaze_rotation(gaze[side]) @ rest - rest)[0]
        assert np.sign(after - before) == np.sign(gaze_deg)
        assert 0.35 * abs(expected) < abs(after - before) < 1.3 * abs(expected)


def _dark_centre(picture: np.ndarray, x: np.ndarray, inside: np.ndarray) -> float:
    grey = picture.mean(2)
    dark = np.clip(np.percentile(grey[inside], 45) - grey, 0, None) * inside
    return float((dark * x).sum() / dark.sum())


def test_the_eyeball_is_as_large_as_an_eyeball() -> None:
    for eye in eyes_of("astronaut"):
        assert eye.ball[2] / eye.iris_radius_px == pytest.approx(BALL_RADIUS_MM / IRIS_RADIUS_MM)
        assert 0.15 < eye.iris_radius_px / eye.opening.width < 0.35


@pytest.mark.parametrize("name", NAMES)
def test_closed_lids_cover_the_eye_with_skin(name: str) -> None:
    case, closed = handle(name), render(name, blink=1.0)
    for eye in eyes_of(name):
        inside = opening_mask(eye, closed.shape, 2)
        below = np.round(eye.ring_px[9:].mean(0) + np.array([0, 0.28 * eye.opening.width])).astype(int)
        skin = case.image[below[1] - 2 : below[1] + 3, below[0] - 2 : below[0] + 3].mean((0, 1))
        lid = np.median(closed[inside], axis=0)
        assert np.abs(lid - skin).max() < 75
        assert lid.mean() > 0.6 * skin.mean()
        y, x = np.mgrid[0 : closed.shape[0], 0 : closed.shape[1]]
        iris = inside & (np.hypot(x - eye.iris_centre_px[0], y - eye.iris_centre_px[1]) < 0.8 * eye.iris_radius_px)
        assert closed[iris].mean() > case.image[iris].mean() + 15


def seen_opening(picture: np.ndarray) -> np.ndarray:
    """(2,) opening of the eyes that a detector sees, across the corner axis over eye width.

    In the picture only: the detector's guess of depth between the lids stays at 5-10 % of the width in real blinks.
    """
    landmarks = face_finder().find(picture)[0].landmarks
    openings = []
    for ring in EYES:
        axis = landmarks[ring[EYE_INNER], :2] - landmarks[ring[EYE_OUTER], :2]
        gaps = np.array([landmarks[ring[low], :2] - landmarks[ring[high], :2] for high, low in LID_PAIRS])
        openings.append(np.abs(gaps @ (-axis[1], axis[0])).mean() / (axis @ axis))
    return np.array(openings)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_detector_sees_the_lids_close_step_by_step(name: str) -> None:
    steps = [seen_opening(render(name, 512, blink=blink)) for blink in (0.0, 0.25, 0.5, 0.75, 1.0)]
    shares = np.array([step / steps[0] for step in steps])
    assert (np.diff(shares[:4], axis=0) < 0).all()
    assert (shares[1:4] < [[0.95], [0.75], [0.5]]).all()
    # what the detector reads of shut eyes changes by a hundredth or two with every shift of the picture
    shut = [
        (seen_opening(render(name, side, blink=1.0)) / seen_opening(render(name, side))).max()
        for side in (448, 512, 544)
    ]
    assert np.median(shut) <= 0.15


@pytest.mark.parametrize("name", SHIPPED)
def test_shut_lids_have_a_crease_and_bulge_below_it(name: str) -> None:
    case, shut = handle(name), render(name, 512, blink=1.0)
    light = cv2.GaussianBlur(shut, (0, 0), 0.7).mean(2)
    vertices = case.vertices[:, :2]
    for eye in eyes_of(name):
        fold, above = vertices[eye.lid.fold[2:5]], vertices[eye.lid.above[2:5]]
        margin = vertices[eye.opening.ring[eye.opening.upper[3:6]]]
        margin = margin if np.sign(margin[2, 0] - margin[0, 0]) == np.sign(fold[2, 0] - fold[0, 0]) else margin[::-1]
        crease = fold + CREASE_UP * (above - fold)
        reach = np.linspace(-0.05, 0.05, 9)[:, None, None] * eye.opening.width * eye.opening.axes[1]
        bottom = _light_at(light, crease + reach).min(0)
        bulge = _light_at(light, crease + np.linspace(0.3, 0.7, 5)[:, None, None] * (margin - crease)).max(0)
        assert bottom.mean() < 0.97 * bulge.mean()


def _light_at(light: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(...) bilinear look-up of (H, W) `light` at (..., 2) picture x, y."""
    x, y = (np.ascontiguousarray(points[..., k], np.float32).reshape(1, -1) for k in (0, 1))
    return cv2.remap(light.astype(np.float32), x, y, cv2.INTER_LINEAR).reshape(points.shape[:-1])


def test_a_lid_behind_glasses_is_skin_with_its_tint_and_its_texture() -> None:
    shut = render("admiral", 512, blink=1.0).astype(float)
    fine = np.abs(shut - cv2.GaussianBlur(shut, (0, 0), 2.0)).mean(2)
    for eye in eyes_of("admiral"):
        down, width = eye.opening.axes[1], eye.opening.width
        (lid, texture), (cheek, skin_texture) = (
            _around(shut, fine, eye.opening.origin + share * width * down, width) for share in (-0.12, 0.5)
        )
        assert np.abs(lid / lid.mean() - cheek / cheek.mean()).max() < 0.17
        assert texture > 0.3 * skin_texture


def _around(picture: np.ndarray, fine: np.ndarray, at: np.ndarray, width: float) -> tuple[np.ndarray, float]:
    """Median RGB and mean texture of a patch of a fifth of the eye's width."""
    x, y, half = *np.round(at).astype(int), round(0.1 * width)
    patch = (slice(y - half, y + half + 1), slice(x - half, x + half + 1))
    return np.median(picture[patch].reshape(-1, 3), axis=0), float(fine[patch].mean())


@pytest.mark.parametrize("name", ["mona_lisa", "pearl_earring"])
def test_a_completed_cheek_does_not_show_on_shut_lids(name: str) -> None:
    case, motion = handle(name), edited(name, blink=1.0, smile=1.0, pitch_deg=-10)
    assert case.completion is not None
    pictures = [RENDERER.render(replace(case, completion=kept), motion) for kept in (case.completion, None)]
    change = np.abs(pictures[0].astype(int) - pictures[1]).max(2)
    for eye in eyes_of(name):
        lid = case.rig.pose(motion).vertices[np.concatenate([eye.opening.ring[1:8], eye.lid.fold[::-1]]), :2]
        mask = np.zeros(change.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(lid).astype(np.int32)], 1)
        assert mask.sum() > 100 and change[mask > 0].max() < 25


@pytest.mark.parametrize("edit", [{"brow_raise": 1}, {"brow_raise": -1}, {"blink": 1}, {"emotion_surprise": 1}])
def test_glasses_stay_where_they_sit_while_brows_and_lids_move(edit: dict[str, float]) -> None:
    case, picture = handle("admiral"), render("admiral", 512, **edit)
    for eye in eyes_of("admiral"):
        assert eye.lid.frame is not None
        x0, y0, x1, y1 = eye.lid.frame.box
        dark = eye.lid.frame.overlay[..., 4] > 0.95
        change = np.abs(picture[y0:y1, x0:x1].astype(float) - case.image[y0:y1, x0:x1])[dark]
        assert dark.sum() > 50 and change.mean() < 6 and np.quantile(change, 0.95) < 25


def test_the_upper_lid_follows_the_gaze_and_a_shut_eye_stays_shut() -> None:
    up_deg = np.array([-20.0, 20.0])
    closure, drop = lids_of_gaze(np.zeros(2), up_deg)
    assert 0.15 < closure[0] < 0.35 and -0.2 < closure[1] < 0.0
    assert drop[0] > 0 > drop[1]
    shut, still = lids_of_gaze(np.ones(2), up_deg)
    assert np.array_equal(shut, np.ones(2)) and not still.any()
    rest, down = seen_opening(render("astronaut")), seen_opening(render("astronaut", gaze_y_deg=-20))
    assert (down < 0.92 * rest).all()


@pytest.mark.parametrize("gaze", [{"gaze_x_deg": 20}, {"gaze_x_deg": -20}, {"gaze_y_deg": 20}])
@pytest.mark.parametrize("name", NAMES)
def test_what_the_iris_leaves_behind_is_as_white_as_the_eye(name: str, gaze: dict[str, float]) -> None:
    """No arc, no slit, no patch: where the iris was, the picture is brighter and without hard edges."""
    case, picture = handle(name), render(name, 512, **gaze)
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    shift = np.array([gaze.get("gaze_x_deg", 0), -gaze.get("gaze_y_deg", 0)]) / 20.0
    for eye in eyes_of(name):
        away = (x - eye.iris_centre_px[0]) * shift[0] + (y - eye.iris_centre_px[1]) * shift[1]
        distance = np.hypot(x - eye.iris_centre_px[0], y - eye.iris_centre_px[1]) / eye.iris_radius_px
        left = opening_mask(eye, picture.shape, 2) & (distance < 0.95) & (away < -0.55 * eye.iris_radius_px)
        if left.sum() < 8:
            continue
        assert picture[left].mean() > case.image[left].mean() + 20
        assert picture[left].mean(1).std() < 22


def test_a_gaze_leaves_no_arc_where_the_landmarks_of_the_lower_lid_lie_too_high() -> None:
    case = handle("astronaut")
    landmarks = case.geometry.landmarks.copy()
    for eye in eyes_of("astronaut"):
        landmarks[eye.opening.ring[9:], :2] -= 0.14 * eye.opening.width * eye.opening.axes[1]
    geometry = build_geometry(landmarks, size=512)
    layer = EyeLayer(case.image, geometry)
    posed = replace(
        case.rig.pose(edited("astronaut")),
        vertices=geometry.vertices.astype(np.float32),
        rigid=geometry.landmarks[:, :2].astype(np.float32),
        gaze_deg=np.tile(np.float32([0.0, 20.0]), (2, 1)),
    )
    picture = drawn(layer, case.image, posed)
    y, x = np.mgrid[0:512, 0:512]
    for eye, true in zip(layer.eyes, eyes_of("astronaut"), strict=True):
        iris = np.hypot(x - true.iris_centre_px[0], y - true.iris_centre_px[1]) < 0.8 * true.iris_radius_px
        near = cv2.dilate(opening_mask(eye, picture.shape).astype(np.uint8), np.ones((3, 3)), iterations=3) > 0
        arc = iris & opening_mask(true, picture.shape, 1) & ~near & (y > true.iris_centre_px[1])
        assert arc.sum() >= 8 and eye.below_lid_px > 0.05 * eye.opening.width
        assert picture[arc].mean() > case.image[arc].mean() + 25


def test_the_frame_of_glasses_stays_while_the_lid_closes_behind_it() -> None:
    case, closed = handle("admiral"), render("admiral", blink=1.0)
    layer = case.features[0]
    assert isinstance(layer, EyeLayer)
    for eye in layer.eyes:
        frame = eye.lid.frame
        assert frame is not None
        x0, y0, x1, y1 = frame.box
        solid = frame.overlay[..., 4] > 0.97
        assert solid.sum() > 100
        change = np.abs(closed[y0:y1, x0:x1].astype(int) - case.image[y0:y1, x0:x1]).max(2)
        assert np.percentile(change[solid], 95) < 12
    assert all(eye.lid.frame is None for name in NAMES for eye in eyes_of(name))


@pytest.mark.parametrize("size", [256, 1024])
def test_every_size_shows_the_same_eyes(size: int) -> None:
    values = {"gaze_x_deg": 14.0, "blink": 0.3}
    reference, other = render("astronaut", 512, **values), render("astronaut", size, **values)
    resized = cv2.resize(other, (512, 512), interpolation=cv2.INTER_AREA if size > 512 else cv2.INTER_CUBIC)
    for eye in eyes_of("astronaut"):
        inside = opening_mask(eye, reference.shape)
        assert np.abs(resized[inside].astype(int) - reference[inside]).mean() < 16


@pytest.mark.parametrize(
    ("scale", "shift"), [(0.06, (2.0, 2.0)), (0.25, (-60.0, -20.0)), (0.5, (300.0, -120.0)), (1.0, (-230.0, 0.0))]
)
def test_tiny_eyes_and_eyes_at_the_border_are_drawn_without_harm(scale: float, shift: tuple[float, float]) -> None:
    case = handle("astronaut")
    landmarks = case.geometry.landmarks * scale
    landmarks[:, :2] += shift
    geometry = build_geometry(landmarks, size=512)
    layer = EyeLayer(case.image, geometry)
    posed = replace(
        case.rig.pose(edited("astronaut")),
        vertices=(geometry.vertices + np.array([0.0, 0.8 * scale, 0.0])).astype(np.float32),
        rigid=geometry.landmarks[:, :2].astype(np.float32),
        gaze_deg=np.full((2, 2), 12.0, np.float32),
    )
    assert drawn(layer, case.image, posed).shape == case.image.shape
    for eye in layer.eyes:
        assert np.isfinite(eye.parts).all()


def test_a_grey_photo_keeps_grey_eyes() -> None:
    case = handle("astronaut")
    grey = np.repeat(case.image.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    layer = EyeLayer(grey, case.geometry)
    posed = replace(case.rig.pose(edited("astronaut", blink=0.4)), gaze_deg=np.full((2, 2), 10.0, np.float32))
    picture = drawn(layer, grey, posed)
    assert np.ptp(picture.astype(int), axis=2).max() <= 1
    assert not np.array_equal(picture, grey)


@pytest.mark.parametrize("name", ["la_velata", "astronaut"])
@pytest.mark.parametrize("gaze_deg", [-20.0, 20.0])
def test_a_gaze_draws_nothing_beside_the_corners(name: str, gaze_deg: float) -> None:
    case = handle(name)
    flat = np.full_like(case.image, 255)
    picture = drawn(case.features[0], flat, case.rig.pose(edited(name, gaze_x_deg=gaze_deg)))
    y, x = np.mgrid[0 : case.geometry.size, 0 : case.geometry.size]
    painted = (picture != 255).any(2)
    for eye in eyes_of(name):
        along = np.abs((np.dstack([x, y]) - eye.opening.origin) @ eye.opening.axes[0])
        near = np.abs((np.dstack([x, y]) - eye.opening.origin) @ eye.opening.axes[1]) < 0.3 * eye.opening.width
        outside = (along > 0.5 * eye.opening.width + 2.0) & (along < 0.7 * eye.opening.width) & near
        assert outside.sum() > 100
        assert not painted[outside].any()


@pytest.mark.parametrize("name", ["mona_lisa", "la_velata"])
@pytest.mark.parametrize("closed", [0.5, 1.0])
def test_the_nose_of_a_turned_head_hides_the_far_eye(name: str, closed: float) -> None:
    case, motion = handle(name), edited(name, yaw_deg=30, blink=closed)
    picture = RENDERER.render(case, motion)
    bare = RENDERER.render(replace(case, features=()), motion)
    eye = eyes_of(name)[0]
    inner, outer = eye.ring_px[EYE_INNER], eye.ring_px[EYE_OUTER]
    place = np.dstack([case.map_x, case.map_y]) - inner
    on_nose = place @ (inner - outer) > 0.3 * eye.opening.width**2
    x0, y0 = case.vertices[eye.opening.ring, :2].min(0).astype(int)
    x1, y1 = case.vertices[eye.opening.ring, :2].max(0).astype(int)
    before_eye = np.s_[y0 : y1 + 1, x0 : x1 + 4]
    assert on_nose[before_eye].sum() > 15
    assert largest_difference(picture[before_eye][on_nose[before_eye]], bare[before_eye][on_nose[before_eye]]) == 0


def lids_of(eye: Eye, ring_uv: np.ndarray) -> np.ndarray:
    """The table of `fill_lids` for lids at (16, 2) `ring_uv`, with the head at rest."""
    ring_px = ring_uv @ eye.opening.axes + eye.opening.origin
    return eye.lids(eye.opening.view(ring_px, eye.ring_px))


def at_u(eye: Eye, lids: np.ndarray, column: int, u: float) -> float:
    return float(lids[round((u - eye.opening.u_first) / eye.opening.u_step), column])


def test_the_rim_of_a_lid_is_fetched_from_the_same_place_of_it() -> None:
    eye = eyes_of("astronaut")[0]
    width = eye.opening.width
    assert np.abs(lids_of(eye, eye.rest_uv)[:, UP_U : LOW_V + 1]).max() < 1e-3
    squeezed = eye.rest_uv * [0.8, 1.0] + [0.0, 0.1 * width]
    lids = lids_of(eye, squeezed)
    for u in (-0.3 * width, 0.0, 0.3 * width):
        for across, down in ((UP_U, UP_V), (LOW_U, LOW_V)):
            assert at_u(eye, lids, across, u) == pytest.approx(0.25 * u, abs=0.02 * width)
            assert at_u(eye, lids, down, u) == pytest.approx(-0.1 * width, abs=0.02 * width)


def test_an_eye_opens_up_to_lids_that_reach_beyond_its_corner() -> None:
    eye = eyes_of("mona_lisa")[0]
    ring = eye.rest_uv * [1.0, 1.6]
    outer = np.sign(ring[EYE_OUTER, 0])
    ring[EYE_OUTER, 0] -= 0.12 * outer * eye.opening.width
    ring_px = ring @ eye.opening.axes + eye.opening.origin
    view = eye.opening.view(ring_px, eye.ring_px)
    drawn_area = np.clip(view.curves[1] - view.curves[0], 0, None).sum() * eye.opening.u_step
    assert drawn_area == pytest.approx(cv2.contourArea(ring.astype(np.float32)), rel=0.03)


@pytest.mark.parametrize("name", ["mona_lisa", "astronaut"])
@pytest.mark.parametrize("values", [{"yaw_deg": 20, "eye_wide": 1}, {"yaw_deg": 20, "gaze_y_deg": 20}])
def test_the_upright_lid_of_a_turned_eye_draws_no_spike(name: str, values: dict[str, float]) -> None:
    case, motion = handle(name), edited(name, **values)
    picture = RENDERER.render(case, motion)
    bare = RENDERER.render(replace(case, features=()), motion)
    changed = np.abs(picture.astype(int) - bare).max(2) > 6
    y, x = np.nonzero(changed)
    for eye in eyes_of(name):
        ring = case.vertices[eye.opening.ring, :2]
        from_ring = [-cv2.pointPolygonTest(ring, (float(a), float(b)), True) for a, b in zip(x, y, strict=True)]
        near = np.hypot(x - ring[:, 0].mean(), y - ring[:, 1].mean()) < eye.opening.width
        assert near.sum() > 100
        assert np.array(from_ring)[near].max() < 1.5 + OVERLAP * eye.opening.width + eye.below_lid_px


@pytest.mark.parametrize("name", ["mona_lisa", "astronaut"])
def test_the_lash_line_of_a_turned_eye_hangs_no_stroke_from_its_corner(name: str) -> None:
    case, motion = handle(name), edited(name, yaw_deg=20, blink=0.3)
    picture = RENDERER.render(case, motion)
    bare = RENDERER.render(replace(case, features=()), motion)
    eye = eyes_of(name)[0]
    corner = case.vertices[eye.opening.ring[EYE_OUTER], :2]
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    below = (np.abs(x - corner[0]) < 3) & (y > corner[1] + 3.0) & (y < corner[1] + 0.25 * eye.opening.width)
    darker = bare[below].astype(int).mean(1) - picture[below].mean(1)
    assert below.sum() > 20 and darker.max() < 25


@pytest.mark.parametrize("name", ["admiral", "astronaut"])
def test_a_glint_moves_with_the_head_no_faster_than_the_photo(name: str) -> None:
    photo, moved_px = handle(name).image, 0.0512
    change = np.abs(render(name, move_y=1e-4).astype(int) - photo)
    padded = np.pad(photo.astype(int), ((1, 1), (0, 0), (0, 0)), mode="edge")
    slope = np.maximum(np.abs(padded[2:] - photo), np.abs(padded[:-2] - photo))
    for eye in eyes_of(name):
        inside = opening_mask(eye, photo.shape)
        assert (change - moved_px * slope)[inside].max() <= 1.0
