"""Weight files as people really have them: whole, wrapped, cut short, swapped, hostile."""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import os
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from pipelines import checkpoints
from pipelines.checkpoints import loading
from pipelines.checkpoints.loading import load_networks, load_part, load_transformer, read_network
from pipelines.checkpoints.registry import FILES, RENDERING, SETS
from pipelines.checkpoints.store import find
from pipelines.checkpoints.tensors import read_tensors
from pipelines.errors import StudioError
from pipelines.files import file_sha256
from pipelines.networks.bundle import Networks
from pipelines.networks.motion_transformer import MotionTransformer, TransformerConfig
from pipelines.networks.seeded import seed_weights
from pipelines.networks.spade import SpadeConfig, SpadeDecoder
from pipelines.networks.stitching import EyeRetargeting, Stitching
from pipelines.networks.warping import WarpingConfig, WarpingModule


def saved(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def stitching_file(networks: Networks) -> dict[str, dict[str, torch.Tensor]]:
    """The three-part file as LivePortrait writes it."""
    parts = {"retarget_shoulder": networks.stitching, "retarget_eye": networks.eye, "retarget_mouth": networks.lip}
    return {name: {f"module.{k}": v for k, v in net.state_dict().items()} for name, net in parts.items() if net}


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Networks]]:
    """A LivePortrait folder of debug-size networks; the strict loaders then expect debug sizes too."""
    networks = Networks.seeded(debug=True)
    empty = Networks.empty
    monkeypatch.setattr(Networks, "empty", classmethod(lambda cls, *, debug=False: empty(debug=True)))
    loading._known_shapes.cache_clear()
    for name in RENDERING:
        content = stitching_file(networks) if name == "stitching" else networks.present()[name].state_dict()
        saved(tmp_path / FILES[f"liveportrait/{name}"].path, content)
    yield tmp_path, networks
    loading._known_shapes.cache_clear()


def lie_about_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debug files are smaller than the registry says; forget the sizes and hashes."""
    for name, file in list(FILES.items()):
        monkeypatch.setitem(FILES, name, replace(file, size=None, sha256=None))


def test_registry_names_are_complete() -> None:
    assert set(sum(SETS.values(), ())) <= set(FILES)
    assert sum(FILES[name].size or 0 for name in SETS["neural"]) == 522_320_239
    for file in FILES.values():
        assert file.sha256 is None or len(file.sha256) == 64
        assert not Path(file.path).is_absolute() and file.licence and file.enables


def test_networks_load_from_a_release(release: tuple[Path, Networks], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, expected = release
    lie_about_size(monkeypatch)
    loaded = load_networks(folder)
    for name, net in expected.present().items():
        for key, value in net.state_dict().items():
            torch.testing.assert_close(loaded.present()[name].state_dict()[key], value)


def test_converted_copy_is_read_instead(release: tuple[Path, Networks], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, expected = release
    lie_about_size(monkeypatch)
    for name in RENDERING:
        file = FILES[f"liveportrait/{name}"]
        copy = checkpoints.convert(file, folder)
        assert copy.suffix == ".safetensors" and find(file, folder) == copy
        (folder / file.path).unlink()
        assert checkpoints.verify(file, folder).state == "good"
    loaded = load_networks(folder)
    assert loaded.eye is not None and expected.eye is not None
    torch.testing.assert_close(loaded.eye.state_dict(), expected.eye.state_dict())


def test_dittos_file_may_lack_retargeting(release: tuple[Path, Networks], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, expected = release
    lie_about_size(monkeypatch)
    (folder / FILES["liveportrait/stitching"].path).unlink()
    parts = stitching_file(expected)
    saved(folder / FILES["ditto/stitching"].path, {"retarget_shoulder": parts["retarget_shoulder"]})
    loaded = load_networks(folder)
    assert loaded.eye is None and loaded.lip is None
    assert checkpoints.verify(FILES["ditto/stitching"], folder).state == "good"


def test_transformer_is_loaded_where_asked(release: tuple[Path, Networks], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = release
    with pytest.raises(StudioError, match=r"the motion transformer \(191 MB\).*checkpoints fetch ditto/transformer"):
        load_networks(folder, transformer=True)
    lie_about_size(monkeypatch)
    net = MotionTransformer()
    saved(folder / FILES["ditto/transformer"].path, {"model_state_dict": net.state_dict()})
    loaded = load_networks(folder, transformer=True).transformer
    assert loaded is not None and load_networks(folder).transformer is None
    torch.testing.assert_close(loaded.final_layer.weight, net.final_layer.weight.detach())


def test_missing_files_name_command_and_cost(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"5 more weight files \(522 MB\).*checkpoints fetch neural"):
        load_networks(tmp_path)
    assert len(checkpoints.missing_for_rendering(tmp_path)) == 5


def test_git_lfs_pointer(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(StudioError, match="only a Git LFS pointer: run `git lfs pull`"):
        read_tensors(path)


def test_web_page(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_text("<!doctype html><html>sign in</html>")
    with pytest.raises(StudioError, match="web page"):
        read_tensors(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_cut_short(tmp_path: Path, suffix: str, share: float) -> None:
    from safetensors.torch import save_file

    path, net = tmp_path / f"w{suffix}", Networks.seeded(debug=True).warping
    save_file(net.state_dict(), path) if suffix == ".safetensors" else torch.save(net.state_dict(), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(StudioError, match=r"cut short|damaged"):
        read_tensors(path)


def test_shorter_than_the_release_says(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", {"a": torch.zeros(3)})
    with pytest.raises(StudioError, match=r"cut short at [\d,]+ of 3,387,959 bytes"):
        read_tensors(path, size=3_387_959)


def test_wrong_network_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", Stitching().state_dict())
    with pytest.raises(StudioError, match="should hold the warping module but holds the stitching network"):
        load_part(WarpingModule(), "warping", path)


def test_wrong_size_names_the_tensor(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", WarpingModule(WarpingConfig.debug()).state_dict())
    with pytest.raises(StudioError, match="should hold the warping module but"):
        load_part(WarpingModule(), "warping", path)


def test_not_finite(tmp_path: Path) -> None:
    state = Stitching().state_dict()
    state["mlp.2.bias"][5] = float("nan")
    path = saved(tmp_path / "w.pth", state)
    with pytest.raises(StudioError, match=r"not finite in 'mlp.2.bias'"):
        load_part(Stitching(), "stitching", path)


def test_other_spectral_norm_spellings(tmp_path: Path) -> None:
    net = seed_weights(SpadeDecoder(SpadeConfig.debug()))
    x = torch.sin(torch.arange(16 * 64.0)).reshape(1, 16, 8, 8)
    with torch.no_grad():
        expected = net(x)
    state = net.state_dict()
    names = {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"}
    newer = {}
    for key, value in state.items():
        stem, _, last = key.rpartition(".")
        newer[f"{stem}.parametrizations.weight.{names[last]}" if last in names else key] = value
    folded = SpadeDecoder(SpadeConfig.debug())
    folded.load_state_dict(state)
    for content in (newer, folded.fold().state_dict()):
        loaded = load_part(SpadeDecoder(SpadeConfig.debug()), "decoder", saved(tmp_path / "w.pth", content))
        torch.testing.assert_close(loaded(x), expected, rtol=1e-4, atol=1e-5)


def test_every_network_is_recognised() -> None:
    networks = Networks.empty().present()
    assert {name: read_network(net.state_dict()) for name, net in networks.items()} == {
        name: name for name in networks
    }
    assert read_network({"weight": torch.zeros(1)}) is None


def test_data_parallel_prefix(tmp_path: Path) -> None:
    net = seed_weights(EyeRetargeting())
    path = saved(tmp_path / "w.pth", nn.DataParallel(net).state_dict())
    torch.testing.assert_close(load_part(EyeRetargeting(), "eye", path).state_dict(), net.state_dict())


def test_transformer_reads_its_condition_width(tmp_path: Path) -> None:
    net = MotionTransformer(TransformerConfig(cond_width=1059, n_layers=8))
    path = saved(tmp_path / "w.pth", {"model_state_dict": net.state_dict(), "epoch": 3})
    assert load_transformer(path).config.cond_width == 1059


class Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_weights_never_run_code(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", {"a": Hostile(tmp_path / "ran")})
    with pytest.raises(StudioError, match="more than weights"):
        read_tensors(path)
    with pytest.raises(StudioError, match=r"asks for posix.system"):
        checkpoints.read_pickle(pickle.dumps(Hostile(tmp_path / "ran")))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_config_pickles(protocol: int) -> None:
    config = {
        "base_cfg": {"decoder_cfg": {"model_path": "decoder.pth", "device": "cuda"}},
        "default_kwargs": OrderedDict(emo=np.eye(8, dtype=np.float32), overlap_v2=70, scalar=np.float64(2.5)),
        "sets": [{1, 2}, (3, None), b"x", True],
    }
    read = checkpoints.read_pickle(pickle.dumps(config, protocol))
    np.testing.assert_array_equal(read["default_kwargs"]["emo"], np.eye(8))
    assert read["base_cfg"] == config["base_cfg"] and read["sets"] == config["sets"]


@pytest.mark.parametrize("data", [b"", b"garbage", pickle.dumps({"a": 1})[:-2], b"\x80\x04c\nx\n."])
def test_damaged_pickles(data: bytes) -> None:
    with pytest.raises(StudioError):
        checkpoints.read_pickle(data)


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    checkpoints.add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args(["checkpoints", *arguments])
    options.run(options)


def test_commands(release: tuple[Path, Networks], capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(release[0])
    run(["list", "--folder", folder, "--json"])
    listed = json.loads(capsys.readouterr().out)
    states = {record["name"]: record["state"] for record in listed["files"]}
    assert states["liveportrait/decoder"] == "present" and states["ditto/hubert"] == "missing"
    with pytest.raises(StudioError, match="5 of 5 files are bad"):
        run(["verify", "--folder", folder, "--json"])
    run(["list", "--all"])
    assert "Apache-2.0" in capsys.readouterr().out
    with pytest.raises(StudioError, match="`NAME` should be one of neural"):
        run(["fetch", "nonsense", "--folder", folder])


def test_fetch_fails_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(StudioError, match=r"could not be fetched because huggingface.co does not answer.*by hand"):
        checkpoints.fetch(FILES["ditto/config"], tmp_path)


def test_fetch_refuses_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(StudioError, match="needs 1,461 MB but only 0 MB are free"):
        checkpoints.fetch(FILES["ditto/hubert"], tmp_path)


def test_verify_checks_the_hash(tmp_path: Path) -> None:
    file = FILES["liveportrait/stitching"]
    path = tmp_path / file.path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\0" * (file.size or 0))
    status = checkpoints.verify(file, tmp_path)
    assert status.state == "bad" and "hash" in status.note
    assert file_sha256(path) != file.sha256


@dataclass
class LocalHub:
    """What a hub on this machine has, how it behaves, and what it was asked for."""

    content: dict[str, bytes] = field(default_factory=dict)
    """By a file's path."""
    cut_after: int | None = None
    """Close the connection after so many bytes of an answer."""
    ranges: list[str | None] = field(default_factory=list)
    """The Range header of every download."""
    sent: int = 0
    """Bytes of files sent."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A hub on this machine: put content under a file's path and it can be fetched."""
    state = LocalHub()

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            state.ranges.append(self.headers.get("Range"))
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            data = state.content.get(self.path.partition("/resolve/main/")[2])
            if data is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            if body:
                part = data[start:][: state.cut_after]
                state.sent += len(part)
                self.wfile.write(part)
                self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    # its own waits between attempts, and pieces of 10 MB
    monkeypatch.setattr("huggingface_hub.file_download.time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)
    yield state
    server.shutdown()
    server.server_close()


def test_fetch_downloads_checks_and_tells(hub: LocalHub, tmp_path: Path) -> None:
    file = replace(FILES["ditto/config"], size=None)
    hub.content[file.path] = pickle.dumps({"default_kwargs": {"overlap_v2": 70}})
    seen: list[tuple[float, str]] = []
    path = checkpoints.fetch(file, tmp_path, progress=lambda share, text: seen.append((share, text)))
    assert path.read_bytes() == hub.content[file.path] and find(file, tmp_path) == path
    assert seen[0] == (0.0, "fetching ditto/config") and seen[-1] == (1.0, "fetched ditto/config")


def test_a_bad_download_is_not_kept(hub: LocalHub, tmp_path: Path) -> None:
    file = FILES["liveportrait/stitching"]
    hub.content[file.path] = b"<html>sign in</html>"
    with pytest.raises(StudioError, match=r"web page.* The damaged file was deleted."):
        checkpoints.fetch(file, tmp_path)
    assert find(file, tmp_path) is None


def test_a_file_that_moved_is_named(hub: LocalHub, tmp_path: Path) -> None:
    with pytest.raises(
        StudioError, match=r"`ditto/config` is no longer at digital-avatar/ditto-talkinghead/ditto_cfg"
    ):
        checkpoints.fetch(FILES["ditto/config"], tmp_path)


def published(hub: LocalHub) -> checkpoints.CheckpointFile:
    """A file of 1.2 MB with the size and hash its release publishes."""
    config = {"default_kwargs": {"emo": np.random.default_rng(0).random((150, 1000))}}
    data = pickle.dumps(config)
    file = replace(FILES["ditto/config"], size=len(data), sha256=hashlib.sha256(data).hexdigest())
    hub.content[file.path] = data
    return file


def parts_of(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def test_a_lost_connection_is_taken_up_again(hub: LocalHub, tmp_path: Path) -> None:
    """Cut off after every 500 kB, and still every byte is asked for about once."""
    file = published(hub)
    hub.cut_after = 500_000
    path = checkpoints.fetch(file, tmp_path)
    assert file_sha256(path) == file.sha256 and not parts_of(tmp_path)
    starts = [int((r or "bytes=0-")[6:-1]) for r in hub.ranges]
    assert starts[0] == 0 and len(starts) == 3 and all(b - a > 400_000 for a, b in pairwise(starts))
    assert file.size is not None and hub.sent < file.size + 3 * (1 << 16)


def test_a_later_fetch_resumes(hub: LocalHub, tmp_path: Path) -> None:
    file = published(hub)
    assert file.size is not None

    def give_up(share: float, text: str) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checkpoints.fetch(file, tmp_path, progress=give_up)
    (part,) = parts_of(tmp_path)
    have, sent = part.stat().st_size, hub.sent
    assert find(file, tmp_path) is None and 0.4 * file.size < have < 0.6 * file.size

    seen: list[float] = []
    path = checkpoints.fetch(file, tmp_path, progress=lambda share, _: seen.append(share))
    assert hub.ranges == [None, f"bytes={have}-"] and hub.sent - sent == file.size - have
    assert file_sha256(path) == file.sha256 and checkpoints.verify(file, tmp_path).state == "good"
    assert seen[0] == 0 and seen[1] > 0.5 and seen[-1] == 1 and not parts_of(tmp_path)


def test_what_has_arrived_is_kept_when_the_hub_is_gone(hub: LocalHub, tmp_path: Path) -> None:
    file = published(hub)
    hub.cut_after = 0
    with pytest.raises(StudioError, match=r"does not answer: try again later \(what has arrived is kept\)"):
        checkpoints.fetch(file, tmp_path)
    hub.cut_after = None
    checkpoints.fetch(file, tmp_path)


def test_a_new_revision_starts_over(hub: LocalHub, tmp_path: Path) -> None:
    """Half of one revision is never completed with half of another."""
    file = published(hub)
    target = tmp_path / file.release / file.path
    target.parent.mkdir(parents=True)
    stale = target.with_name(f"{target.name}.0123456789abcdef.part")
    stale.write_bytes(b"old" * 1000)
    assert file_sha256(checkpoints.fetch(file, tmp_path)) == file.sha256
    assert hub.ranges == [None] and not stale.exists()


def test_a_damaged_part_is_found_out(hub: LocalHub, tmp_path: Path) -> None:
    """The hash is checked after resuming, and the next attempt starts clean."""
    file = published(hub)
    target = tmp_path / file.release / file.path
    target.parent.mkdir(parents=True)
    digits = hashlib.sha256(hub.content[file.path]).hexdigest()[:16]
    target.with_name(f"{target.name}.{digits}.part").write_bytes(b"\0" * 1000)
    with pytest.raises(StudioError, match=r"should have the hash its release publishes.*was deleted"):
        checkpoints.fetch(file, tmp_path)
    assert file_sha256(checkpoints.fetch(file, tmp_path)) == file.sha256
    assert hub.ranges == ["bytes=1000-", None]
