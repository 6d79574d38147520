"""What the page is told equals the tables; the page's files fit together."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from pipelines.errors import StudioError
from pipelines.motion.controls import CONTROLS, SLOTS
from pipelines.motion.edit import Edit, mirror_edit
from pipelines.motion.regions import PRESETS
from pipelines.portrait.crop import transform
from pipelines.portrait.types import Portrait
from studio import theme
from studio.examples import EXAMPLES, ExampleShelf
from studio.live import ROUTES
from studio.page import Message, page_data, portrait_data, stage_value
from studio.panels.api import read_edit_value
from studio.plots import dim_controls, expression_change, values_figure
from studio.services import Services
from studio.session import Session
from studio.stage.bundle import FOLDER, page_head


@pytest.fixture(scope="module")
def data(_warm: Services) -> dict:
    return json.loads(json.dumps(page_data(_warm.choice), allow_nan=False))


def test_slots_and_controls_are_the_table(data: dict) -> None:
    assert [slot["key"] for slot in data["slots"]] == [slot.key for slot in SLOTS]
    assert [control["key"] for control in data["controls"]] == [control.key for control in CONTROLS]
    for shown, slot in zip(data["slots"], SLOTS, strict=True):
        control = slot.control
        assert (shown["control"], shown["side"]) == (control.key, slot.side)
        assert (shown["lo"], shown["hi"], shown["step"], shown["default"]) == (
            control.lo,
            control.hi,
            control.step,
            control.default,
        )
    panels = {panel["key"] for panel in data["panels"]}
    assert {control["panel"] for control in data["controls"]} <= panels


def test_dims_tell_number_point_axis_and_percentiles(data: dict) -> None:
    dims = [control for control in data["controls"] if control["kind"] == "dim"]
    assert [dim["dim"] for dim in dims] == list(range(63))
    assert sum(dim["live"] for dim in dims) == 36
    for dim in dims:
        assert dim["keypoint"] == dim["dim"] // 3 and dim["axis"] == "xyz"[dim["dim"] % 3]
        percents, values = zip(*dim["percentiles"], strict=True)
        assert list(percents) == sorted(percents) and list(values) == sorted(values)
    assert len(data["keypoints"]) == 21 and sum(point["inert"] for point in data["keypoints"]) == 5


def test_mirror_of_the_page_is_the_mirror_of_an_edit(data: dict) -> None:
    rng = np.random.default_rng(0)
    vector = np.array([rng.uniform(s.control.lo, s.control.hi) for s in SLOTS], np.float32)
    index = {slot["key"]: i for i, slot in enumerate(data["slots"])}
    partners = [(index[slot["mirror"]["slot"]], slot["mirror"]["sign"]) for slot in data["slots"]]
    page = np.array([sign * vector[i] for i, sign in partners], np.float32)
    assert np.allclose(page, mirror_edit(Edit.from_vector(vector)).vector)


def test_presets_regions_emotions_and_examples_name_what_exists(data: dict) -> None:
    slots = {slot["key"] for slot in data["slots"]}
    controls = {control["key"] for control in data["controls"]}
    assert [preset["key"] for preset in data["presets"]] == list(PRESETS)
    assert all(preset["weights"].keys() <= slots for preset in data["presets"])
    assert {region["key"] for region in data["regions"]} <= controls
    assert len(data["emotions"]) == 8 and {emotion["key"] for emotion in data["emotions"]} <= controls
    assert [example["key"] for example in data["examples"]] == [example.key for example in EXAMPLES]
    assert data["routes"] == ROUTES


def test_every_example_opens_and_is_credited(shelf: ExampleShelf) -> None:
    from pipelines.assets import ASSETS

    credits_text = (ASSETS / "CREDITS.md").read_text("utf-8")
    for example in EXAMPLES:
        portrait = shelf.portrait(example.key)
        assert portrait is shelf.portrait(example.key)
        assert f"portraits/{example.key}.jpg" in credits_text and "public domain" in example.credit
    with pytest.raises(StudioError, match="mona_lisa"):
        shelf.portrait("nobody")


def test_portrait_data_lies_on_the_picture(session: Session, example: Portrait) -> None:
    data = portrait_data(example, session=session)
    assert data["key"] == "mona_lisa" and data["name"] == "Mona Lisa"
    points = np.array(data["keypoints_in_crop"])
    assert points.shape == (21, 2) and (points > -0.2).all() and (points < 1.2).all()
    assert len(data["rings"]["oval"]) == 36
    right, left = np.mean(data["rings"]["eye_right"], 0), np.mean(data["rings"]["eye_left"], 0)
    assert right[0] < left[0] and abs(right[1] - left[1]) < 0.1


def test_crop_of_the_page_is_the_crop_of_the_portrait(session: Session, example: Portrait) -> None:
    """The page turns the square around its centre; its corners are those of the 512 crop."""
    x, y, width, height, turn_deg = portrait_data(example, session=session)["crop"]
    photo_height, photo_width = example.photo.shape[:2]
    centre = np.array([(x + width / 2) * photo_width, (y + height / 2) * photo_height])
    half = np.array([width * photo_width, height * photo_height]) / 2
    turn = math.radians(turn_deg)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corners = np.array([centre + rotation @ (half * sign) for sign in ([-1, -1], [1, -1], [1, 1], [-1, 1])])
    in_crop = transform(example.crop_from_photo, corners - 0.5)
    assert np.allclose(in_crop, [[-0.5, -0.5], [511.5, -0.5], [511.5, 511.5], [-0.5, 511.5]], atol=0.1)


def test_stage_value_is_plain_json(session: Session) -> None:
    edit = Edit.of({"smile": 0.5, "dim_58": 12})
    value = json.loads(stage_value(session, message=Message("No."), edit=edit, label="Open"))
    assert value["token"] == session.token and value["edit"] == edit.values() and value["label"] == "Open"
    assert value["message"]["kind"] == "error" and value["message"]["text"] == "No."
    again = json.loads(stage_value(session, message=Message("No.")))
    assert again["edit"] is None and again["message"]["id"] != value["message"]["id"]


def test_head_holds_every_file_once_and_theme_repeats_the_tokens() -> None:
    head = page_head()
    manifest = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
    for kind in ("css", "js"):
        assert sorted(manifest[kind]) == sorted(path.name for path in FOLDER.glob(f"*.{kind}"))
    assert head.count("<script>") == head.count("</script>") == head.count("<style>") == 1
    tokens = (FOLDER / "tokens.css").read_text("utf-8")
    values = {name: re.findall(rf"--{name}:\s*(#[0-9a-f]+)", tokens) for name in ("bg0", "bg1", "bg2", "bg3", "t1")}
    pairs = (theme.GROUND, theme.PANEL, theme.FIELD, theme.RAISED, theme.TEXT)
    for (name, found), pair in zip(values.items(), pairs, strict=True):
        assert set(pair) <= set(found), name


# ---- edits from outside ----
def test_edit_values_come_as_file_object_or_names() -> None:
    edit = Edit.of({"smile": 0.5, "yaw_deg": 8})
    for form in (
        edit.to_json(),
        json.loads(edit.to_json()),
        {"smile": 0.5, "yaw_deg": 8},
        '{"smile":0.5,"yaw_deg":8}',
    ):
        assert read_edit_value(form) == edit
    assert read_edit_value(None).is_default and read_edit_value("").is_default


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[" * 100_000,
        [1],
        3,
        {"smil": 1},
        {"smile": "much"},
        {"smile": float("nan")},
        {"format": "ditto-edit", "version": 99, "values": {}},
        {"format": "ditto-edit", "version": 1, "values": {"nose_size": 1}},
    ],
)
def test_edit_values_that_are_none_get_one_sentence(value: object) -> None:
    with pytest.raises(StudioError) as raised:
        read_edit_value(value)
    assert "\n" not in str(raised.value)


# ---- plot ----
def test_plot_shows_all_63_against_their_ranges(example: Portrait) -> None:
    assert sorted(control.dim for control in dim_controls() if control.dim is not None) == list(range(63))
    change = expression_change(example, Edit.of({"dim_58": 12, "dim_34": -3}))
    figure = json.loads(str(values_figure(change).to_json()))
    bands, dots = figure["data"]
    shown = dict(zip(dots["y"], dots["x"], strict=True))
    assert shown["58 · Jaw open"] == pytest.approx(12, abs=0.05)
    assert len(shown) == len(bands["y"]) == 63
    assert not expression_change(example, Edit()).any()
