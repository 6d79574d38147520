"""Files for the visitor: exact, whole, and in the visitor's own folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.portrait.crop import native_size
from pipelines.portrait.types import Portrait
from pipelines.render.still import rendered_size
from studio.export import (
    MAX_EDIT_FILE_BYTES,
    PictureOrder,
    export_picture,
    read_edit_file,
    write_edit,
    write_picture,
)
from studio.services import Services
from studio.session import Session


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_png_of_no_edit_is_the_photo_bit_for_bit(services: Services, example: Portrait) -> None:
    for size in (None, 512):
        order = PictureOrder.of(area="photo", format="png", size=size)
        assert np.array_equal(
            picture(export_picture(example, Edit(), order, renderer=services.renderer)), example.photo
        )
    order = PictureOrder.of(area="crop", format="png", size=512)
    assert np.array_equal(picture(export_picture(example, Edit(), order, renderer=services.renderer)), example.image)


@pytest.mark.parametrize(("format", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP")])
def test_formats_and_sizes_are_as_ordered(services: Services, session: Session, format: str, kind: str) -> None:
    session.push(session.document.with_edit(Edit.of({"jaw_open": 0.7})), label="Edit")
    order = PictureOrder.of(area="crop", format=format, size=640)
    path = write_picture(session, order, renderer=services.renderer)
    with Image.open(path) as image:
        assert (image.format, image.size) == (kind, (640, 640))
    assert path.name == f"ditto-mona_lisa-face.{format}" and path.parent == session.folder


def test_the_edit_shows_in_the_full_photo_and_only_in_the_crop(services: Services, example: Portrait) -> None:
    order = PictureOrder.of(area="photo", format="png", size=None)
    data = export_picture(example, Edit.of({"jaw_open": 0.8}), order, renderer=services.renderer)
    change = np.abs(picture(data).astype(int) - example.photo).max(-1)
    assert picture(data).shape == example.photo.shape and change.max() > 40
    assert change[-1].max() == 0 and change[:, 0].max() == 0


def test_a_painted_mask_keeps_the_photo_in_the_file_too(
    services: Services, example: Portrait, mask_png: bytes
) -> None:
    edit = Edit.of({"jaw_open": 0.8, "mask_enabled": 1, "mask_feather": 0}, mask=mask_png)
    for size in (512, 768):
        order = PictureOrder.of(area="crop", format="png", size=size)
        rest = picture(export_picture(example, Edit(), order, renderer=services.renderer))
        masked = picture(export_picture(example, edit, order, renderer=services.renderer))
        change = np.abs(masked.astype(int) - rest).max(-1)
        assert change[:, : size // 2 - 4].max() > 40 and change[:, size // 2 + 4 :].max() == 0


def test_the_face_is_rendered_with_at_least_the_photos_pixels(example: Portrait) -> None:
    size = rendered_size(example)
    assert size % 64 == 0 and 256 <= size <= 2048 and size >= min(2048, native_size(example))


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    services: Services, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_edit(session).read_bytes()

    def broken(self: Path, target: Path) -> Path:
        raise OSError("disk is full")

    session.push(session.document.with_edit(Edit.of({"smile": 1})), label="Edit")
    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="full"):
        write_edit(session)
    monkeypatch.undo()
    files = list(session.folder.iterdir())
    assert [file.read_bytes() for file in files] == [first]


def test_edit_files_survive_the_round_trip(session: Session, mask_png: bytes) -> None:
    edit = Edit.of({"smile_left": 0.4, "dim_12": -3.2, "region_mouth": 0.25}, mask=mask_png)
    session.push(session.document.with_edit(edit), label="Edit")
    assert read_edit_file(str(write_edit(session))) == edit


def test_huge_edit_files_are_not_read(tmp_path: Path) -> None:
    file = tmp_path / "edit.json"
    with file.open("wb") as handle:
        handle.truncate(MAX_EDIT_FILE_BYTES + 1)
    with pytest.raises(StudioError, match="MB"):
        read_edit_file(str(file))


@pytest.mark.parametrize(
    "order",
    [
        {"area": "moon", "format": "png", "size": None},
        {"area": "crop", "format": "exe", "size": None},
        {"area": "crop", "format": "png", "size": 5},
        {"area": "crop", "format": "png", "size": 1e9},
        {"area": "crop", "format": "png", "size": float("nan")},
        {"area": "crop", "format": "png", "size": "512"},
        {"area": ["crop"], "format": "png", "size": None},
    ],
)
def test_orders_are_checked_before_work(order: dict) -> None:
    with pytest.raises(StudioError) as raised:
        PictureOrder.of(**order)
    assert "`" in str(raised.value) and "\n" not in str(raised.value)


def test_without_a_portrait_nothing_is_written(services: Services) -> None:
    session = services.store.open()
    with pytest.raises(StudioError, match="No portrait"):
        write_picture(session, PictureOrder(), renderer=services.renderer)


@pytest.mark.parametrize("format", ["png", "webp"])
def test_a_picture_without_background_shows_the_person_alone(
    services: Services, example: Portrait, format: str
) -> None:
    order = PictureOrder.of(area="crop", format=format, size=512, background="none")
    data = export_picture(example, Edit.of({"smile": 0.5}), order, renderer=services.renderer)
    alpha = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., 3]
    assert alpha[300, 256] == 255
    assert not alpha[:8, :8].any()


@pytest.mark.parametrize(
    ("format", "background", "says"), [("jpg", "none", "PNG or WebP"), ("png", "blue", "background")]
)
def test_backgrounds_that_cannot_be_are_refused(format: str, background: str, says: str) -> None:
    with pytest.raises(StudioError, match=says):
        PictureOrder.of(area="crop", format=format, size=None, background=background)
