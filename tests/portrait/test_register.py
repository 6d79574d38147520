"""Registration on real portraits: turned, small, many, none; the numbers mean what they say."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.assets import PORTRAITS
from pipelines.errors import StudioError
from pipelines.evaluation.degraded_inputs import cartoon
from pipelines.portrait import framing
from pipelines.portrait.crop import invert, transform
from pipelines.portrait.landmarks import face_finder
from pipelines.portrait.load import load_photo
from pipelines.portrait.register import keypoints_in_crop, register
from pipelines.portrait.topology import EYES, LIPS_OUTER
from pipelines.portrait.types import CROP_SIZE, Portrait
from tests.portrait.conftest import NAMES

NOSE_TIP = 4

Photo = NDArray[np.uint8]


def arrays_of(portrait: Portrait) -> dict[str, np.ndarray]:
    values = {field.name: getattr(portrait, field.name) for field in fields(portrait)}
    motion = {f"motion.{field.name}": getattr(portrait.motion, field.name) for field in fields(portrait.motion)}
    return {name: value for name, value in (values | motion).items() if isinstance(value, np.ndarray)}


def on_canvas(picture: Photo, *, at: tuple[int, int], size: tuple[int, int]) -> Photo:
    canvas = np.full((size[1], size[0], 3), 110, np.uint8)
    x, y = at
    part = picture[: size[1] - y, : size[0] - x]
    canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
    return canvas


@pytest.mark.parametrize("name", NAMES)
def test_crop_is_upright_and_framed(name: str, portrait: Callable[[str], Portrait]) -> None:
    p = portrait(name)
    points = p.landmarks_in_crop[:, :2]
    right, left = (points[ring].mean(0) for ring in EYES)
    assert right[0] < left[0]
    assert abs(np.degrees(np.arctan2(*(left - right)[::-1]))) < 12
    assert points.min() > 0.05 * CROP_SIZE
    assert points.max() < 0.95 * CROP_SIZE
    assert 0.35 * CROP_SIZE < np.ptp(points[:, 1]) < 0.6 * CROP_SIZE
    assert p.image.shape == (CROP_SIZE, CROP_SIZE, 3)


@pytest.mark.parametrize("name", NAMES)
def test_measures_are_those_of_a_face_at_rest(name: str, portrait: Callable[[str], Portrait]) -> None:
    p = portrait(name)
    assert (p.eye_ratio > 0.2).all()
    assert (p.eye_ratio < 0.6).all()
    assert 0 <= p.lip_ratio < 0.3
    assert 1.2 < p.motion.scale[0] < 1.6
    assert abs(p.motion.roll_deg[0]) < 12
    assert len(p.motion) == 1
    middle = p.landmarks_in_crop[NOSE_TIP, :2].astype(int)
    assert p.matte[middle[1], middle[0]] > 0.8
    assert p.matte[:8, :8].mean() < 0.3
    assert p.blendshapes.shape == (52,)


def test_pose_signs(portrait: Callable[[str], Portrait]) -> None:
    """The girl with the pearl turns her nose to image left: positive yaw; her mirror image the other way."""
    pearl = portrait("pearl_earring")
    assert 25 < pearl.motion.yaw_deg[0] < 45
    mirrored = register(np.ascontiguousarray(pearl.photo[:, ::-1]))
    assert -45 < mirrored.motion.yaw_deg[0] < -25
    assert mirrored.motion.pitch_deg[0] == pytest.approx(pearl.motion.pitch_deg[0], abs=3)


def test_the_smile_of_the_astronaut_parts_her_lips(portrait: Callable[[str], Portrait]) -> None:
    assert portrait("astronaut").lip_ratio > 5 * portrait("admiral").lip_ratio


def test_same_photo_gives_the_same_portrait_in_every_thread(photo: Callable[[str], Photo]) -> None:
    picture = photo("admiral")
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(register, [picture.copy() for _ in range(4)])
    for other in others:
        assert other.key == first.key
        for name, value in arrays_of(first).items():
            np.testing.assert_array_equal(arrays_of(other)[name], value, err_msg=name)


def test_key_follows_pixels_and_face(photo: Callable[[str], Photo], portrait: Callable[[str], Portrait]) -> None:
    changed = photo("admiral").copy()
    changed[0, 0, 0] ^= 1
    assert register(changed).key != portrait("admiral").key


def test_arrays_cannot_be_changed_and_the_callers_photo_can(photo: Callable[[str], Photo]) -> None:
    picture = photo("admiral").copy()
    p = register(picture)
    for name in ("photo", "crop_from_photo", "image", "landmarks_in_crop", "blendshapes", "matte", "eye_ratio"):
        assert not getattr(p, name).flags.writeable, name
    assert picture.flags.writeable


@pytest.mark.parametrize(
    ("name", "turn_deg"),
    [("admiral", 60), ("mona_lisa", 90), ("astronaut", 180), ("pearl_earring", 135), ("la_velata", -90)],
)
def test_turned_photos_give_the_same_face(name: str, turn_deg: float, portrait: Callable[[str], Portrait]) -> None:
    upright = portrait(name)
    height, width = upright.photo.shape[:2]
    side = int(np.hypot(width, height)) + 1
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.0)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    turned = register(cv2.warpAffine(upright.photo, matrix, (side, side), borderValue=(90, 90, 90)))
    gap_px = np.linalg.norm(turned.landmarks_in_crop[:, :2] - upright.landmarks_in_crop[:, :2], axis=1)
    assert gap_px.mean() < 3
    corners = np.array([[0.0, 0.0], [400.0, 300.0]])
    expected = transform(upright.crop_from_photo, corners)
    np.testing.assert_allclose(transform(turned.crop_from_photo, transform(matrix, corners)), expected, atol=12)


@pytest.mark.parametrize("name", ["mona_lisa", "astronaut"])
def test_small_faces_in_large_photos(name: str, portrait: Callable[[str], Portrait]) -> None:
    box = portrait(name).faces[0]
    scale = 62 / (box.bottom - box.top)
    small = cv2.resize(portrait(name).photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    p = register(on_canvas(small, at=(1200, 700), size=(2000, 1500)))
    assert p.faces[0].bottom - p.faces[0].top == pytest.approx(62, rel=0.2)
    gap_px = np.linalg.norm(p.landmarks_in_crop[:, :2] - portrait(name).landmarks_in_crop[:, :2], axis=1)
    assert gap_px.mean() < 10


def test_several_faces_largest_first(photo: Callable[[str], Photo]) -> None:
    group = on_canvas(photo("admiral"), at=(100, 40), size=(1500, 700))
    group[40:552, 900:1412] = photo("astronaut")
    first, second = register(group), register(group, face_index=1)
    assert len(first.faces) == 2
    assert first.faces == second.faces
    heights = [box.bottom - box.top for box in first.faces]
    assert heights == sorted(heights, reverse=True)
    assert first.faces[0].right < 900 < second.faces[1].left
    assert first.key != second.key
    assert (second.face_index, second.lip_ratio > 0.1) == (1, True)
    with pytest.raises(StudioError, match=r"`face_index` should be from 0 to 1 but is 2"):
        register(group, face_index=2)


@pytest.mark.parametrize("kind", ["flat", "noise"])
def test_no_face(kind: str) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    picture = np.full_like(noise, 128) if kind == "flat" else noise
    with pytest.raises(StudioError, match="none was found"):
        register(picture)


def test_too_small_face_is_refused_with_the_remedy(photo: Callable[[str], Photo]) -> None:
    small = cv2.resize(photo("admiral"), None, fx=0.16, fy=0.16, interpolation=cv2.INTER_AREA)
    with pytest.raises(StudioError, match=r"at least 48 pixels tall but is [1-4]\d; use a closer photo"):
        register(small)


def test_a_face_at_the_edge_gets_a_full_crop(
    photo: Callable[[str], Photo], portrait: Callable[[str], Portrait]
) -> None:
    box = portrait("admiral").faces[0]
    tight = np.ascontiguousarray(photo("admiral")[int(box.top) - 4 : int(box.bottom) + 4, int(box.left) - 4 :])
    p = register(tight)
    assert p.image[:, 20].std() > 0
    assert p.image[-20:].mean() > 5, "no black border"


@pytest.mark.parametrize("name", NAMES)
def test_keypoints_sit_on_the_face(name: str, portrait: Callable[[str], Portrait]) -> None:
    p = portrait(name)
    places = keypoints_in_crop(p)
    assert places.shape == (21, 2)
    assert places.min() > 0
    assert places.max() < CROP_SIZE
    mouth = p.landmarks_in_crop[LIPS_OUTER, :2].mean(0)
    assert np.linalg.norm(places[19] - mouth) < 0.06 * CROP_SIZE
    for index, ring in ((11, EYES[0]), (15, EYES[1])):
        assert np.linalg.norm(places[index] - p.landmarks_in_crop[ring, :2].mean(0)) < 0.06 * CROP_SIZE


def test_a_drawn_smiley_is_no_face() -> None:
    """The landmarker finds one in it, and another one when it looks again."""
    smiley = np.full((512, 512, 3), 235, np.uint8)
    cv2.circle(smiley, (256, 256), 140, (250, 210, 40), -1, cv2.LINE_AA)
    cv2.circle(smiley, (256, 262), 7, (180, 120, 30), -1, cv2.LINE_AA)
    cv2.ellipse(smiley, (256, 280), (60, 45), 0, 20, 160, (60, 20, 10), 8, cv2.LINE_AA)
    for x in (208, 304):
        cv2.circle(smiley, (x, 225), 14, (30, 20, 10), -1, cv2.LINE_AA)
        cv2.line(smiley, (x - 24, 195), (x + 24, 192), (60, 30, 10), 9, cv2.LINE_AA)
    assert face_finder().find(smiley)
    with pytest.raises(StudioError, match="eyes, nose and mouth do not fit a face; choose a photo in which"):
        register(smiley)


def test_an_inked_drawing_of_a_face_is_a_face(portrait: Callable[[str], Portrait]) -> None:
    """The landmarker finds it once, and again only in the softened crop."""
    assert register(cartoon(portrait("admiral"))).image.shape == (512, 512, 3)


def test_the_eyes_of_a_posterised_painting_are_found_where_they_are(portrait: Callable[[str], Portrait]) -> None:
    # seen from afar alone they would be 14 px beside
    true = portrait("pearl_earring")
    drawn = register(cartoon(true))
    in_photo = transform(invert(true.crop_from_photo), true.landmarks_in_crop)
    expected = transform(drawn.crop_from_photo, in_photo)[:, :2]
    eyes = np.concatenate(EYES)
    assert np.abs(drawn.landmarks_in_crop[eyes, :2] - expected[eyes]).mean() < 5.0


def test_what_no_second_look_confirms_is_refused(
    photo: Callable[[str], Photo], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(framing, "_middle_face", lambda faces: None)
    with pytest.raises(StudioError, match="plain view"):
        register(photo("astronaut"))


def test_a_face_cut_in_half_by_the_edge_is_refused() -> None:
    photo = load_photo(PORTRAITS / "mona_lisa.jpg")
    whole = register(photo)
    left, right = whole.faces[0].left, whole.faces[0].right
    cut = round(left + 0.55 * (right - left))
    with pytest.raises(StudioError, match=r"should lie inside the photo but \d\d % of it is cut off"):
        register(np.ascontiguousarray(photo[:, :cut]))


def test_a_chin_at_the_edge_is_accepted() -> None:
    photo = load_photo(PORTRAITS / "mona_lisa.jpg")
    bottom = round(register(photo).faces[0].bottom)
    assert register(np.ascontiguousarray(photo[: bottom - 4])).image.shape == (512, 512, 3)


def test_a_portrait_stretched_by_a_third_is_still_a_face() -> None:
    photo = load_photo(PORTRAITS / "mona_lisa.jpg")
    stretched = np.asarray(cv2.resize(photo, None, fx=4 / 3, fy=1.0, interpolation=cv2.INTER_CUBIC), np.uint8)
    expected, found = (
        transform(invert(face.crop_from_photo), face.landmarks_in_crop[:, :2])
        for face in (register(photo), register(stretched))
    )
    expected = expected * [4 / 3, 1.0]
    assert np.abs(found - expected).mean() < 0.02 * np.ptp(expected[:, 1])
