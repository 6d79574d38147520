"""The person without the scene: alpha, edges, and what may not change."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.motion.edit import Edit
from pipelines.render.cutout import cut_out, face_alpha
from pipelines.render.still import render_still

from .mesh_case import RENDERER, edited, handle, portrait, render

TURNED = Edit.of({"yaw_deg": 15, "smile": 0.5})


@pytest.mark.parametrize("edit", [Edit(), TURNED], ids=["rest", "turned"])
@pytest.mark.parametrize("area", ["crop", "photo"])
def test_the_scene_goes_and_the_face_stays(area: str, edit: Edit) -> None:
    own = portrait("mona_lisa")
    size = 512 if area == "crop" else None
    rgba = render_still(own, edit, area=area, size=size, background="none", renderer=RENDERER)  # pyright: ignore
    kept = render_still(own, edit, area=area, size=size, renderer=RENDERER)  # pyright: ignore
    assert rgba.shape == (*kept.shape[:2], 4)
    solid, gone = rgba[..., 3] == 255, rgba[..., 3] == 0
    assert solid.mean() > 0.2
    assert gone.mean() > 0.2
    assert np.array_equal(rgba[solid][:, :3], kept[solid])
    assert not rgba[gone].any()
    assert gone[:8, :8].all()


def test_alpha_moves_with_the_person() -> None:
    case = handle("astronaut")
    middles = []
    for move_x in (-0.06, 0.06):
        frame = RENDERER.render(case, edited("astronaut", move_x=move_x))
        alpha = face_alpha(RENDERER, case, frame)
        middles.append((alpha[230].cumsum() / alpha[230].sum()).searchsorted(0.5))
        rest = np.abs(frame.astype(int) - case.layers.background).max(2)
        assert rest[alpha < 0.004].mean() < 2, "what is transparent shows the scene only"
    assert middles[1] - middles[0] > 20


def test_a_frame_at_rest_has_the_alpha_of_the_photo_after_any_other() -> None:
    case = handle("astronaut", 256)
    render("astronaut", 256, yaw_deg=20)
    frame = RENDERER.render(case, portrait("astronaut").motion)
    assert np.array_equal(RENDERER.alpha(case), np.clip(case.layers.foreground[..., 3], 0, 1))
    assert np.array_equal(frame, case.image)


def test_edges_carry_the_colour_of_the_person() -> None:
    alpha = np.asarray(cv2.GaussianBlur(np.pad(np.ones((60, 60), np.float32), 40), (0, 0), 4), np.float32)
    alpha[alpha < 0.01], alpha[alpha > 0.99] = 0, 1
    person, scene = np.array([200.0, 60, 40]), np.array([20.0, 90, 220])
    picture = alpha[..., None] * person + (1 - alpha[..., None]) * scene
    rgba = cut_out(np.round(picture).astype(np.uint8), alpha)
    edge = (alpha > 0.1) & (alpha < 1)
    assert np.abs(rgba[edge][:, :3] - person).mean() < 4
    assert np.abs(picture[edge] - person).mean() > 40


def test_a_mask_keeps_the_outline_of_the_photo() -> None:
    own = portrait("astronaut")
    black = cv2.imencode(".png", np.zeros((512, 512), np.uint8))[1].tobytes()
    edit = Edit.of({"yaw_deg": 20, "mask_enabled": 1}, mask=black)
    rgba = render_still(own, edit, area="crop", size=512, background="none", renderer=RENDERER)
    rest = render_still(own, Edit(), area="crop", size=512, background="none", renderer=RENDERER)
    assert np.array_equal(rgba, rest)
