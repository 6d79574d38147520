"""Projects: their file, files from strangers, and undo of everything."""

from __future__ import annotations

import io
import json
import math
import pickle
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import StudioError
from pipelines.history import MAX_BYTES, MAX_STEPS, History
from pipelines.motion.edit import Edit, apply_edit
from pipelines.motion.keyframes import Curve, Key
from pipelines.motion.layers import Layer
from pipelines.motion.track import Track
from pipelines.project import SIDED, Document, Media, Playhead, PortraitRef
from tests.motion.layer_strategies import layers
from tests.motion.strategies import edits, generators, random_motion, random_source, same

quick = settings(max_examples=30, deadline=None)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    rng = draw(generators())
    media = st.binary(max_size=60)
    document = Document(
        portrait=PortraitRef(
            name=draw(st.text(max_size=20)),
            example=draw(st.none() | st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True)),
            photo=draw(st.none() | media.map(lambda data: Media(".jpg", data))),
            face_index=draw(st.integers(0, 5)),
        ),
        edit=draw(edits()).with_mask(draw(st.sampled_from([None, PNG]))),
        track=Track(random_motion(rng, 4), label="clip"),
        sound=draw(st.none() | media.map(lambda data: Media(".wav", data))),
        layers=tuple(draw(st.lists(layers(), max_size=3))),
        playhead=Playhead(
            seconds=draw(st.floats(0, 100)), loop=draw(st.booleans()), stop_s=draw(st.none() | st.just(3.0))
        ),
        apart=tuple(sorted(draw(st.sets(st.sampled_from(sorted(SIDED)), max_size=3)))),
    )
    return document


def sample_document() -> Document:
    layer = Layer("smile").with_curves({"smile": Curve.of([(0, 0, "smooth"), (1, 0.5, "linear")])})
    return Document(
        PortraitRef("me", photo=Media(".png", PNG)),
        Edit.of({"yaw_deg": 5}, mask=PNG),
        Track(random_motion(np.random.default_rng(0), 8)),
        Media(".wav", b"RIFF"),
        (layer,),
    )


@given(documents())
@quick
def test_the_file_restores_the_document(document: Document) -> None:
    data = document.to_bytes()
    again = Document.from_bytes(data)
    assert again == document and again.to_bytes() == data


def test_saving_is_whole_or_not_at_all(tmp_path: Path) -> None:
    document = sample_document()
    path = document.save(tmp_path / "a.ditto")
    assert Document.load(path) == document and [file.name for file in tmp_path.iterdir()] == ["a.ditto"]
    with pytest.raises(StudioError, match="can be read"):
        Document.load(tmp_path / "b.ditto")


def test_an_edit_file_opens_as_a_project() -> None:
    edit = Edit.of({"smile": 0.5}, mask=PNG)
    document = Document.from_bytes(edit.to_json().encode())
    assert document == Document(edit=edit)


@given(generators(), edits())
@quick
def test_a_document_without_layers_is_its_edit_on_its_track(rng: np.random.Generator, edit: Edit) -> None:
    source = random_source(rng)
    document = Document(edit=edit, track=Track(random_motion(rng, 4)))
    assert same(document.at(source, 2), apply_edit(source, document.track.at(source, 2), edit))
    assert same(Document().at(source, 7), source.motion)


def test_layers_move_a_still() -> None:
    source = random_source(np.random.default_rng(0))
    layer = Layer().with_curves({"yaw_deg": Curve.of([(0, 0, "linear"), (1, 10, "linear")])})
    document = Document().add_layer(layer)
    yaw = [float(document.at(source, frame).yaw_deg[0] - source.motion.yaw_deg[0]) for frame in (0, 12.5, 25, 50)]
    assert np.allclose(yaw, [0, 5, 10, 10], atol=1e-4)


def test_layers_keep_their_order() -> None:
    a, b, c = (Layer(name) for name in "abc")
    document = Document().add_layer(a).add_layer(c).add_layer(b, index=1)
    assert [layer.name for layer in document.layers] == ["a", "b", "c"]
    assert [layer.name for layer in document.move_layer(0, 2).layers] == ["b", "c", "a"]
    assert [layer.name for layer in document.remove_layer(1).layers] == ["a", "c"]
    for bad in (lambda: document.remove_layer(3), lambda: document.move_layer(0, -1)):
        with pytest.raises(StudioError, match="layer"):
            bad()


def archive(parts: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return buffer.getvalue()


def record(**changed: object) -> bytes:
    with zipfile.ZipFile(io.BytesIO(sample_document().to_bytes())) as file:
        return json.dumps(json.loads(file.read("document.json")) | changed).encode()


def project(**changed: object) -> bytes:
    with zipfile.ZipFile(io.BytesIO(sample_document().to_bytes())) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    return archive(parts | {"document.json": record(**changed)})


class _Bomb:
    def __reduce__(self) -> tuple:
        return (exec, ("raise SystemExit('unpickled')",))


def _pickled_track() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, exp=np.array([_Bomb()], dtype=object))
    return archive({"document.json": record(photo=None), "track.npz": buffer.getvalue()})


def _encrypted() -> bytes:
    data = bytearray(sample_document().to_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    return bytes(data)


def _lying_size() -> bytes:
    """A bomb whose directory says it is small."""
    data = bytearray(archive({"document.json": bytes(64 << 20)}))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(mark) + offset
        data[at : at + 4] = (100).to_bytes(4, "little")
    return bytes(data)


def _link(name: str) -> bytes:
    """An archive in which one part is a symbolic link out of it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("document.json", record(portrait={"photo": "photo.png"}))
        member = zipfile.ZipInfo(name)
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(member, "/etc/passwd")
    return buffer.getvalue()


def _giant_track() -> bytes:
    """An array whose header asks for 4 TB."""
    header, track = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(track, "w") as file:
        file.writestr("exp.npy", header.getvalue())
    return archive({"document.json": record(portrait={}), "track.npz": track.getvalue()})


def layer_of(*keys: list) -> dict:
    return {"name": "a", "channels": {"smile": list(keys)}}


MALICIOUS = {
    "empty": b"",
    "text": b"hello",
    "a pickle": pickle.dumps(_Bomb()),
    "a pickle in the track": _pickled_track(),
    "an empty zip": archive({}),
    "no document": archive({"track.npz": b""}),
    "a bomb": archive({"document.json": bytes(600 << 20)}),
    "a large document": archive({"document.json": bytes(40 << 20)}),
    "a lying directory": _lying_size(),
    "ten million names": b"{" + b'"a":0,' * 10_000_000 + b'"b":0}',
    "a link as photo": _link("photo.png"),
    "a link as track": _link("track.npz"),
    "a giant header": _giant_track(),
    "an endless edit": project(edit={"format": "ditto-edit", "version": 1, "values": {"smile": math.inf}}),
    "an opacity that is no number": project(layers=[{"opacity": math.nan}]),
    "a key that is no number": project(layers=[layer_of([0, math.nan, "linear"])]),
    "a key at no time": project(layers=[layer_of([math.nan, 0, "linear"])]),
    "a key of one part": project(layers=[layer_of([0])]),
    "a key in text": project(layers=[layer_of(["0", "0.5", "linear"])]),
    "a playhead that is no number": project(playhead={"seconds": math.nan}),
    "a path upwards": archive({"document.json": record(), "../../evil.sh": b""}),
    "an absolute path": archive({"document.json": record(), "/etc/passwd": b""}),
    "a backslash path": archive({"document.json": record(), "..\\evil": b""}),
    "another part": archive({"document.json": record(), "run.py": b""}),
    "many parts": archive({f"{i}": b"" for i in range(1000)}),
    "another packing": archive({"document.json": record()}, zipfile.ZIP_LZMA),
    "encrypted": _encrypted(),
    "cut off": sample_document().to_bytes()[:-100],
    "a newer version": project(version=2),
    "version zero": project(version=0),
    "a version in text": project(version="1"),
    "a true version": project(version=True),
    "no version": project(version=None),
    "another format": project(format="zip"),
    "a list of formats": project(format=["ditto-project"]),
    "a list": archive({"document.json": b"[]"}),
    "deep JSON": archive({"document.json": b"[" * 100_000}),
    "a bad edit": project(edit={"format": "ditto-edit", "version": 1, "values": {"smile": 9}}),
    "an edit in text": project(edit="x"),
    "bad layers": project(layers={}),
    "many layers": project(layers=[{}] * 65),
    "a bad layer": project(layers=[{"mode": "burn"}]),
    "a missing photo": project(portrait={"photo": "photo.gif"}),
    "a photo that is a path": project(portrait={"photo": "photo/../../x"}),
    "a photo that is the track": project(portrait={"photo": "track.npz"}),
    "an example that is a path": project(portrait={"example": "../x"}),
    "a long name": project(portrait={"name": "x" * 300}),
    "a face in text": project(portrait={"face_index": "0"}),
    "a portrait in text": project(portrait="x"),
    "a sound of another kind": project(sound="sound.exe"),
    "a playhead in text": project(playhead="x"),
    "an unknown playhead": project(playhead={"speed": 1}),
    "a playhead nowhere": project(playhead={"seconds": -1}),
    "a loop in text": project(playhead={"loop": "yes"}),
    "parted sides in text": project(apart="smile"),
    "parted sides of what has none": project(apart=["jaw_open"]),
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_bad_files_are_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(StudioError) as caught:
        Document.from_bytes(MALICIOUS[name])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=6))
@settings(max_examples=80, deadline=None)
def test_damaged_files_raise_nothing_but_a_sentence(where: int, noise: bytes) -> None:
    data = bytearray(sample_document().to_bytes())
    where %= len(data)
    data[where : where + len(noise)] = noise
    try:
        Document.from_bytes(bytes(data))
    except StudioError as error:
        assert "\n" not in str(error)


def random_change(document: Document, rng: np.random.Generator) -> Document:
    """One random thing a visitor may do."""
    count = len(document.layers)
    index = int(rng.integers(count)) if count else 0
    value = float(np.round(rng.uniform(-0.3, 1), 3))
    match int(rng.integers(9 if count else 4)):
        case 0:
            return document.with_edit(Edit.of(document.edit.values() | {"smile": value}, mask=document.edit.mask))
        case 1:
            return (
                document.add_layer(Layer(f"{value}").with_curves({"smile": Curve.constant(value)}))
                if count < 20
                else document
            )
        case 2:
            return document.with_playhead(Playhead(seconds=abs(value)))
        case 3:
            track = Track(random_motion(rng, 3))
            return (
                document.with_track(track) if rng.random() < 0.2 else document.with_portrait(PortraitRef(f"{value}"))
            )
        case 4:
            key = Key(round(float(rng.uniform(0, 5)), 2), value, "spline")
            return document.replace_layer(index, document.layers[index].with_key("smile", key))
        case 5:
            return document.remove_layer(index)
        case 6:
            return document.move_layer(index, int(rng.integers(count)))
        case 7:
            layer = document.layers[index]
            return document.replace_layer(index, replace(layer, muted=not layer.muted, opacity=abs(value)))
        case _:
            layer = document.layers[index]
            emptied = layer.without_keys([channel.slot for channel in layer.channels], start_s=0, stop_s=2)
            return document.replace_layer(index, emptied)


@given(generators())
@settings(max_examples=5, deadline=None)
def test_a_thousand_operations_undone_give_the_start(rng: np.random.Generator) -> None:
    start = sample_document()
    history = History.of(start)
    expected = start.to_bytes()
    for number in range(1000):
        history = history.push(random_change(history.document, rng), label=f"step {number}")
        if rng.random() < 0.1:
            history = history.undo()
    end = history.document
    steps = history.position
    while history.position:
        history = history.undo()
    assert history.document is start and start.to_bytes() == expected
    for _ in range(steps):
        history = history.redo()
    assert history.document is end and history.undo().redo().document is end


def test_a_new_step_forgets_what_was_undone() -> None:
    a, b, c = (Document(playhead=Playhead(seconds=s)) for s in (1, 2, 3))
    history = History.of(a).push(b, label="b").undo().push(c, label="c")
    assert history.labels == ("Open", "c") and history.redo() == history
    assert history.undo().document is a and history.undo().undo().document is a
    assert history.push(c, label="again") is history
    with pytest.raises(StudioError, match="step"):
        history.jump(5)
    assert history.jump(0).document is a


def test_a_gesture_is_one_step() -> None:
    history = History.of(Document())
    for value in (0.1, 0.2, 0.3):
        history = history.push(Document(edit=Edit.of({"smile": value})), label="Smile", joins="smile")
    history = history.push(Document(edit=Edit.of({"smile": 0.3, "yaw_deg": 1})), label="Turn", joins="yaw_deg")
    assert history.labels == ("Open", "Smile", "Turn")
    assert history.undo().document.edit.value("smile") == pytest.approx(0.3)


def test_memory_is_bounded_and_two_hundred_steps_of_editing_fit() -> None:
    rng = np.random.default_rng(0)
    busy = Layer().with_curves({"smile": Curve.of([(i / 10, 0.5, "linear") for i in range(3000)])})
    document = Document(track=Track(random_motion(rng, 3000)), layers=(busy,) * 5)
    history = History.of(document)
    for number in range(250):
        layer = history.document.layers[0].with_key("smile", Key(number / 7, 0.2))
        history = history.push(history.document.replace_layer(0, layer), label="key")
    assert len(history.steps) == 251 and history.held_bytes <= MAX_BYTES
    large = Media(".png", bytes(20 << 20))
    for number in range(30):
        photo = Media(".png", large.data + bytes([number]))
        history = history.push(history.document.with_portrait(PortraitRef(photo=photo)), label="photo")
        assert history.held_bytes <= MAX_BYTES
    small = History.of(Document())
    for number in range(MAX_STEPS + 50):
        small = small.push(Document(playhead=Playhead(seconds=number / 10 + 1)), label="move")
    assert len(small.steps) == MAX_STEPS and small.held_bytes < 8 << 20
