"""The neural renderer on the page: stills of debug networks, cancelling, engines, what the page is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from pipelines.errors import StudioError
from pipelines.motion.edit import Edit
from pipelines.render.choice import Choice, may_have_gpu
from pipelines.render.neural import Cancelled, NeuralRenderer, NeuralSettings
from pipelines.render.neural_choice import BUILD, NeuralChoice
from pipelines.render.neural_torch import TorchBackend
from studio.events import Wiring
from studio.export import PictureOrder
from studio.neural import NeuralDesk, Switches
from studio.page import renderer_data
from studio.panels.neural import _Section, note_markup
from studio.services import Services
from studio.session import Session
from studio.stage.part import part
from tests.render.neural_case import NETWORKS
from tests.render.test_choice import put_weights

ORDER = PictureOrder.of(area="crop", format="png", size=256)


def debug_choice(*, live: bool = False) -> NeuralChoice:
    return NeuralChoice(NeuralRenderer(TorchBackend(NETWORKS)), live, "Debug networks.")


@pytest.fixture
def desk(tmp_path: Path) -> NeuralDesk:
    """Loads debug networks, telling two steps."""

    def load(folder: Path | None, *, progress: Any) -> NeuralChoice:
        progress(0.5, "loading")
        progress(1.0, "networks loaded")
        return debug_choice()

    return NeuralDesk(folder=put_weights(tmp_path / "weights"), load=load)


@pytest.fixture
def edited(session: Session) -> Session:
    session.push(session.document.with_edit(Edit.of({"smile": 0.5})), label="Edit")
    return session


def quiet(done: float, text: str) -> None:
    pass


def test_a_still_is_drawn_and_told_about(desk: NeuralDesk, edited: Session) -> None:
    told: list[tuple[float, str]] = []
    path = desk.draw(edited, ORDER, progress=lambda done, text: told.append((done, text)))
    assert path.name == "ditto-mona_lisa-neural-face.png" and path.parent == edited.folder
    with Image.open(path) as picture:
        assert picture.size == (256, 256) and np.ptp(np.asarray(picture)) > 0
    shares = [done for done, _ in told]
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] <= 1
    assert [text for _, text in told][:3] == ["loading", "networks loaded", "reading the face"]


def test_the_networks_are_loaded_once(desk: NeuralDesk, edited: Session) -> None:
    texts: list[str] = []
    for _ in range(2):
        desk.draw(edited, ORDER, progress=lambda _, text: texts.append(text))
    assert texts.count("loading") == 1
    assert desk.offer().renderer is not None and "stills" in desk.offer().reason


@pytest.mark.parametrize("at", ["loading", "reading the face", "drawing the face"])
def test_cancelling_stops_at_the_next_step_and_leaves_no_file(desk: NeuralDesk, edited: Session, at: str) -> None:
    def progress(done: float, text: str) -> None:
        if text == at:
            edited.stopped.set()

    with pytest.raises(Cancelled):
        desk.draw(edited, ORDER, progress=progress)
    assert not list(edited.folder.iterdir())
    edited.stopped.clear()
    assert desk.draw(edited, ORDER, progress=quiet).is_file()


def test_a_visitor_who_leaves_stops_the_work(desk: NeuralDesk, edited: Session) -> None:
    edited.close()
    with pytest.raises(StudioError, match="No portrait"):
        desk.draw(edited, ORDER, progress=quiet)
    assert edited.stopped.is_set()


def test_without_weights_the_sentence_has_the_command(tmp_path: Path, edited: Session) -> None:
    with pytest.raises(StudioError, match="checkpoints fetch neural"):
        NeuralDesk(folder=tmp_path).draw(edited, ORDER, progress=quiet)


@pytest.mark.skipif(may_have_gpu(), reason="this machine may have a GPU")
def test_engines_are_built_in_another_process_that_answers_with_a_sentence(desk: NeuralDesk, session: Session) -> None:
    with pytest.raises(StudioError, match="No NVIDIA driver"):
        desk.build(session, progress=quiet)


def test_cancelling_a_build_ends_the_other_process(desk: NeuralDesk, session: Session) -> None:
    session.stopped.set()
    with pytest.raises(Cancelled):
        desk.build(session, progress=quiet)


# ---- on the page ----
def section(services: Services) -> _Section:
    with gr.Blocks():
        return _Section(Wiring(services=services, stage=part("stage"), token=gr.State()), [])


def test_the_button_draws_shows_and_offers_the_file(services: Services, desk: NeuralDesk, edited: Session) -> None:
    stage, draw, _, cancel, _, picture = section(replace(services, neural=desk)).draw(edited.token, "photo", "jpg", 0)
    assert stage == gr.skip() and draw["interactive"] and not cancel["visible"]
    assert picture["visible"] and Path(picture["value"]).name == "ditto-mona_lisa-neural-photo.jpg"


def test_a_failure_is_one_sentence_and_the_button_is_back(services: Services, tmp_path: Path, edited: Session) -> None:
    poor = replace(services, neural=NeuralDesk(folder=tmp_path))
    stage, draw, _, _, _, picture = section(poor).draw(edited.token, "photo", "jpg", 0)
    assert "fetch neural" in json.loads(stage)["message"]["text"]
    assert draw["interactive"] is False and picture["visible"] is False


def test_a_cancelled_still_is_no_failure(services: Services, desk: NeuralDesk, edited: Session) -> None:
    part = section(replace(services, neural=desk))
    part.stop(edited.token)
    stage, draw, _, _, _, picture = part.draw(edited.token, "photo", "jpg", 0)
    assert stage == gr.skip() and draw["interactive"] and not picture["visible"]
    part.begin(edited.token)
    assert not edited.stopped.is_set()


def test_the_page_is_told_the_other_renderer_with_command_and_cost(services: Services, tmp_path: Path) -> None:
    data = renderer_data(replace(services, neural=NeuralDesk(folder=tmp_path)).choice)
    assert data["name"] == "Mesh" and not data["fallback"]
    assert data["other"] == {
        "name": "Neural renderer",
        "text": "No neural weight files are on this machine.",
        "command": "python -m pipelines checkpoints fetch neural",
        "cost": "522 MB to download. Restart the studio afterwards.",
    }
    live = debug_choice(live=True)
    assert live.renderer is not None
    assert renderer_data(Choice(live.renderer, live))["other"]["command"].endswith("mesh python app.py")
    unbuilt = replace(live, action="build", command=BUILD, cost="A few minutes")
    assert renderer_data(Choice(live.renderer, unbuilt))["other"]["command"] == BUILD
    assert BUILD in note_markup(unbuilt)


def test_editing_goes_on_with_a_renderer_that_came_later(services: Services, session: Session) -> None:
    own = replace(services, neural=NeuralDesk(), _prepared=dict(services._prepared))
    own.draw(session, Edit.of({"smile": 0.5}))
    live = debug_choice(live=True)
    assert live.renderer is not None
    own._take(Choice(live.renderer, live))
    header, _ = own.draw(session, Edit.of({"smile": 0.5}))
    assert header["size"] == [512, 512] and own.choice.renderer is live.renderer and own.choice.neural is live


def test_switches_become_settings_of_the_face(edited: Session) -> None:
    portrait = edited.portrait
    assert portrait is not None
    half = Edit.of({"eye_ratio_right": 0.1})
    settings = Switches(stitching=False, retarget_eyes=True, close_lips=True).settings(portrait, half)
    assert settings.eye_ratio == pytest.approx((0.1 + portrait.eye_ratio[1]) / 2)
    assert not settings.stitching and settings.lip_ratio == 0.0
    assert Switches().settings(portrait, half) == NeuralSettings()


def test_switches_change_the_still(desk: NeuralDesk, edited: Session) -> None:
    plain, changed = (
        desk.draw(edited, ORDER, progress=quiet, switches=switches).read_bytes()
        for switches in (Switches(), Switches(stitching=False, close_lips=True))
    )
    assert plain != changed
