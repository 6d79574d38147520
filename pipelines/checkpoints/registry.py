"""Every file of the LivePortrait and Ditto releases, and what it is good for here.

Sizes are exact bytes. The LivePortrait hashes are those its Hugging Face page publishes; Ditto's page was not
at hand, so its files are checked by size and by loading them strictly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.errors import StudioError

Release = Literal["liveportrait", "ditto"]

REPOSITORIES: dict[Release, str] = {
    "liveportrait": "KlingTeam/LivePortrait",
    "ditto": "digital-avatar/ditto-talkinghead",
}
UNUSED = "not used here"


@dataclass(frozen=True)
class CheckpointFile:
    """One file of a release."""

    name: str
    """What a person types, such as "liveportrait/decoder"."""
    release: Release
    path: str
    """Inside the release's Hugging Face repository."""
    size: int | None
    """Bytes, exactly; None where unknown."""
    licence: str
    enables: str
    """What it makes possible, for the page."""
    networks: tuple[str, ...] = ()
    """Networks it holds: field names of `Networks`, or "transformer"."""
    sha256: str | None = None

    @property
    def repository(self) -> str:
        """Its name on Hugging Face."""
        return REPOSITORIES[self.release]

    @property
    def used(self) -> bool:
        """Whether any part of the studio reads it."""
        return not self.enables.startswith(UNUSED)


MIT, APACHE, RESEARCH = "MIT", "Apache-2.0", "non-commercial research only"
_RENDER = "neural renderer"
_KEYPOINTS = ("stitching", "eye", "lip")
_INSIGHTFACE = f"{UNUSED}: MediaPipe finds the faces"


_BASE, _ANIMALS = "liveportrait/base_models", "liveportrait_animals/base_models_v1.1"
_HUMAN: tuple[tuple[str, str, int, str, tuple[str, ...], str], ...] = (
    (
        "appearance",
        f"{_BASE}/appearance_feature_extractor.pth",
        3_387_959,
        _RENDER,
        ("appearance",),
        "5279bb8654293dbdf327030b397f107237dd9212fb11dd75b83dfb635211ceb5",
    ),
    (
        "motion",
        f"{_BASE}/motion_extractor.pth",
        112_545_506,
        f"{_RENDER}, neural motion extractor",
        ("motion",),
        "251e6a94ad667a1d0c69526d292677165110ef7f0cf0f6d199f0e414e8aa0ca5",
    ),
    (
        "warping",
        f"{_BASE}/warping_module.pth",
        182_180_086,
        _RENDER,
        ("warping",),
        "2f61a6f265fe344f14132364859a78bdbbc2068577170693da57fb96d636e282",
    ),
    (
        "decoder",
        f"{_BASE}/spade_generator.pth",
        221_813_590,
        _RENDER,
        ("decoder",),
        "4780afc7909a9f84e24c01d73b31a555ef651521a1fe3b2429bd04534d992aee",
    ),
    (
        "stitching",
        "liveportrait/retargeting_models/stitching_retargeting_module.pth",
        2_393_098,
        f"{_RENDER}: stitching, eye and lip retargeting",
        _KEYPOINTS,
        "3652d5a3f95099141a56986aaddec92fadf0a73c87a20fac9a2c07c32b28b611",
    ),
    (
        "landmark203",
        "liveportrait/landmark.onnx",
        114_666_491,
        f"{UNUSED}: MediaPipe's landmarks place the crop",
        (),
        "31d22a5041326c31f19b78886939a634a5aedcaa5ab8b9b951a1167595d147db",
    ),
)
"""Name, path, bytes, what it enables, networks, SHA-256."""


def _liveportrait() -> list[CheckpointFile]:
    files = [
        CheckpointFile(f"liveportrait/{name}", "liveportrait", path, size, MIT, enables, networks, sha256)
        for name, path, size, enables, networks, sha256 in _HUMAN
    ]
    for name, size, sha256 in (
        ("2d106det", 5_030_888, "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf"),
        ("det_10g", 16_923_827, "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91"),
    ):
        path = f"insightface/models/buffalo_l/{name}.onnx"
        name = f"liveportrait/{name}"
        files.append(CheckpointFile(name, "liveportrait", path, size, RESEARCH, _INSIGHTFACE, sha256=sha256))
    for stem in ("appearance_feature_extractor", "motion_extractor", "warping_module", "spade_generator"):
        name, why = f"liveportrait/animals_{stem}", f"{UNUSED}: animals"
        files.append(CheckpointFile(name, "liveportrait", f"{_ANIMALS}/{stem}.pth", None, MIT, why))
    return files


def _ditto() -> list[CheckpointFile]:
    models, auxiliary = "ditto_pytorch/models", "ditto_pytorch/aux_models"
    rows: list[tuple[str, str, int | None, str, tuple[str, ...]]] = [
        ("appearance", f"{models}/appearance_extractor.pth", 3_387_959, _RENDER, ("appearance",)),
        ("motion", f"{models}/motion_extractor.pth", 112_545_506, f"{_RENDER}, neural motion extractor", ("motion",)),
        ("warping", f"{models}/warp_network.pth", 182_180_086, _RENDER, ("warping",)),
        ("decoder", f"{models}/decoder.pth", 221_813_590, _RENDER, ("decoder",)),
        ("stitching", f"{models}/stitch_network.pth", 2_393_098, f"{_RENDER}: stitching", _KEYPOINTS),
        (
            "transformer",
            f"{models}/lmdm_v0.4_hubert.pth",
            191_247_715,
            "speech: Ditto's motion transformer",
            ("transformer",),
        ),
        ("hubert", f"{auxiliary}/hubert_streaming_fix_kv.onnx", 1_460_740_880, "speech: Ditto's audio features", ()),
        ("config", "ditto_cfg/v0.4_hubert_cfg_pytorch.pkl", 31_002, "speech: Ditto's own settings", ()),
        ("config_trt", "ditto_cfg/v0.4_hubert_cfg_trt.pkl", None, "speech: Ditto's own settings", ()),
        ("config_online", "ditto_cfg/v0.4_hubert_cfg_trt_online.pkl", None, "speech: Ditto's streaming settings", ()),
        ("face_landmarker", f"{auxiliary}/face_landmarker.task", 3_758_596, f"{UNUSED}: ships with the studio", ()),
        ("landmark203", f"{auxiliary}/landmark203.onnx", 114_666_491, f"{UNUSED}: MediaPipe places the crop", ()),
    ]
    files = [
        CheckpointFile(f"ditto/{name}", "ditto", path, size, APACHE, enables, networks)
        for name, path, size, enables, networks in rows
    ]
    for name, size in (("2d106det", 5_030_888), ("det_10g", 16_923_827)):
        files.append(
            CheckpointFile(f"ditto/{name}", "ditto", f"{auxiliary}/{name}.onnx", size, RESEARCH, _INSIGHTFACE)
        )
    for stem in _DITTO_GRAPHS:
        why = f"{UNUSED}: graphs are exported from the weights"
        files.append(CheckpointFile(f"ditto/onnx_{stem}", "ditto", f"ditto_onnx/{stem}.onnx", None, APACHE, why))
    for stem in _DITTO_ENGINES:
        why, path = f"{UNUSED}: only engines built on this machine are loaded", f"ditto_trt_Ampere_Plus/{stem}.engine"
        files.append(CheckpointFile(f"ditto/engine_{stem}", "ditto", path, None, APACHE, why))
    return files


_DITTO_GRAPHS = (
    "appearance_extractor",
    "blaze_face",
    "decoder",
    "face_mesh",
    "hubert",
    "insightface_det",
    "landmark106",
    "landmark203",
    "lmdm_v0.4_hubert",
    "motion_extractor",
    "stitch_network",
    "warp_network",
    "warp_network_ori",
)
_SINGLE_PRECISION = ("motion_extractor", "hubert", "lmdm_v0.4_hubert")
_DITTO_ENGINES = tuple(
    f"{stem}_{'fp32' if stem in _SINGLE_PRECISION else 'fp16'}" for stem in _DITTO_GRAPHS if stem != "warp_network_ori"
)

FILES: dict[str, CheckpointFile] = {file.name: file for file in (*_liveportrait(), *_ditto())}
RENDERING = ("appearance", "motion", "warping", "decoder", "stitching")
SETS: dict[str, tuple[str, ...]] = {
    "neural": tuple(f"liveportrait/{name}" for name in RENDERING),
    "neural-ditto": tuple(f"ditto/{name}" for name in RENDERING),
    "speech": ("ditto/transformer", "ditto/hubert", "ditto/config"),
}
"""What to fetch together: "neural" is the neural renderer, "speech" is Ditto's own speech-to-motion."""


def lookup(name: str) -> tuple[CheckpointFile, ...]:
    """The file of that name, or the files of that set.

    Raises:
        StudioError: there is no such file or set.
    """
    if name in SETS:
        return tuple(FILES[member] for member in SETS[name])
    if name in FILES:
        return (FILES[name],)
    used = [file.name for file in FILES.values() if file.used]
    raise StudioError(f"`NAME` should be one of {', '.join([*SETS, *used])} but is '{name}'.")
