"""Engine files on disk: keyed by everything they depend on, signed, and loaded only if this machine built them.

An engine file is executable code, so a file that carries no signature of this machine's own key is never given
to TensorRT.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FOLDER_VARIABLE = "DITTO_ENGINES"
Freshness = Literal["fresh", "missing", "stale", "foreign"]
"""`stale`: built from other weights, another version or for another GPU; `foreign`: not signed here, or damaged."""


@dataclass(frozen=True)
class EngineKey:
    """What an engine depends on; any difference makes another engine."""

    graph: str
    weights: str
    """SHA-256 of the weights and of the network code the graph is made from."""
    package: str
    version: str
    capability: str
    precision: Literal["single", "mixed"]
    sampler: Literal["native", "rewritten"]

    @property
    def digest(self) -> str:
        """20 hexadecimal digits."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:20]

    @property
    def file_name(self) -> str:
        """Of the engine in the cache folder."""
        return f"{self.graph}-{self.digest}.engine"


@dataclass(frozen=True)
class Entry:
    """One engine file with the record beside it."""

    path: Path
    key: EngineKey
    onnx_sha256: str
    size: int
    signed_here: bool


def default_engine_folder() -> Path:
    """`$DITTO_ENGINES`, or a folder in the user's cache."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "ditto-motion-studio" / "engines"


class EngineCache:
    """The engines in one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_engine_folder()

    def save(self, key: EngineKey, engine: bytes, *, onnx_sha256: str) -> Path:
        """Write an engine and its signed record."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / key.file_name
        record = {"key": asdict(key), "onnx_sha256": onnx_sha256, "signature": self._sign(key, engine)}
        for target, data in ((path, engine), (_record_of(path), json.dumps(record, indent=1).encode())):
            temporary = target.with_name(target.name + ".part")
            temporary.write_bytes(data)
            temporary.replace(target)
        return path

    def load(self, key: EngineKey) -> bytes | None:
        """The engine's bytes, or None where it is missing, stale or not signed by this machine."""
        return self._read(key)[1]

    def freshness(self, key: EngineKey) -> Freshness:
        """Whether an engine for exactly this key is there."""
        state, _ = self._read(key)
        if state == "missing" and any(entry.key.graph == key.graph for entry in self.entries()):
            return "stale"
        return state

    def entries(self) -> Iterator[Entry]:
        """Every engine with a readable record."""
        for path in sorted(self.folder.glob("*.engine")):
            try:
                record = json.loads(_record_of(path).read_text("utf-8"))
                key = EngineKey(**record["key"])
                engine = path.read_bytes()
                signed = hmac.compare_digest(str(record["signature"]), self._sign(key, engine))
                yield Entry(path, key, str(record["onnx_sha256"]), len(engine), signed)
            except (OSError, ValueError, TypeError, KeyError):
                # No record or a broken one: not ours, so not listed and never loaded.
                continue

    def clear(self) -> int:
        """Delete every engine file and record; returns how many engines went."""
        return self._delete(list(self.folder.glob("*.engine")))

    def drop_superseded(self, key: EngineKey) -> int:
        """Delete engines that only differ from `key` in weights or version; returns how many went."""
        same = ("graph", "package", "capability", "precision", "sampler")
        old = [
            entry.path
            for entry in self.entries()
            if entry.key != key and all(getattr(entry.key, name) == getattr(key, name) for name in same)
        ]
        return self._delete(old)

    def _delete(self, paths: list[Path]) -> int:
        for path in paths:
            path.unlink()
            _record_of(path).unlink(missing_ok=True)
        return len(paths)

    def _read(self, key: EngineKey) -> tuple[Freshness, bytes | None]:
        path = self.folder / key.file_name
        if not path.is_file():
            return "missing", None
        try:
            record = json.loads(_record_of(path).read_text("utf-8"))
            engine = path.read_bytes()
            signed = hmac.compare_digest(str(record["signature"]), self._sign(key, engine))
        except (OSError, ValueError, TypeError, KeyError):
            return "foreign", None
        return ("fresh", engine) if signed else ("foreign", None)

    def _sign(self, key: EngineKey, engine: bytes) -> str:
        return hmac.new(self._secret(), key.digest.encode() + engine, hashlib.sha256).hexdigest()

    def _secret(self) -> bytes:
        """This machine's own key, made at the first build and readable by its user only."""
        path = self.folder / "signing.key"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes()
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(32))
        return path.read_bytes()


def _record_of(engine: Path) -> Path:
    return engine.with_suffix(".json")
