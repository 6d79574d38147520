"""Which TensorRT is installed, which GPU is there, and in one sentence why it can or cannot be used."""

from __future__ import annotations

import ctypes
import importlib
import sys
from dataclasses import dataclass
from typing import Any

PACKAGES = ("tensorrt", "tensorrt_rtx")
"""In the order of choice: the full one first."""
GPU_REQUIREMENTS = "pip install -r requirements-gpu.txt"
SHARED_NAMES: dict[str, tuple[str, ...]] = {
    "Builder": ("create_network", "create_builder_config", "create_optimization_profile", "build_serialized_network"),
    "OnnxParser": ("parse", "num_errors", "get_error", "supports_model_v2"),
    "IBuilderConfig": ("set_memory_pool_limit", "hardware_compatibility_level"),
    "Runtime": ("deserialize_cuda_engine",),
    "ICudaEngine": (
        "num_io_tensors",
        "get_tensor_name",
        "get_tensor_mode",
        "get_tensor_dtype",
        "get_tensor_shape",
        "create_execution_context",
    ),
    "IExecutionContext": ("set_input_shape", "set_tensor_address", "execute_async_v3"),
}
"""Everything used of the package; the names of TensorRT 10.16, 11.4 and RTX 1.7 that agree."""


@dataclass(frozen=True)
class Package:
    """An installed TensorRT."""

    name: str
    version: str
    module: Any

    @property
    def is_rtx(self) -> bool:
        """Whether it is TensorRT for RTX."""
        return self.name == "tensorrt_rtx"

    def capabilities(self) -> tuple[str, ...]:
        """Compute capabilities it builds for ahead of time, such as "SM89"; empty where it takes the GPU at hand."""
        if not self.is_rtx:
            return ()
        members = self.module.ComputeCapability.__members__
        return tuple(sorted((name for name in members if name.startswith("SM")), key=lambda name: int(name[2:])))


@dataclass(frozen=True)
class Target:
    """What engines are built for and run on."""

    package: Package
    capability: str
    """Such as "SM89"."""


def installed_packages() -> tuple[Package, ...]:
    """Every TensorRT that imports, in the order of choice."""
    found = []
    for name in PACKAGES:
        try:
            module = importlib.import_module(name)
        except (ImportError, OSError):
            # A wheel whose libraries do not load counts as absent.
            continue
        found.append(Package(name, str(module.__version__), module))
    return tuple(found)


def has_driver() -> bool:
    """Whether NVIDIA's driver library loads."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def gpu_capability() -> str | None:
    """Compute capability of the first GPU torch sees, such as "SM89"."""
    import torch

    if not torch.cuda.is_available():
        return None
    major, minor = torch.cuda.get_device_capability()
    return f"SM{major}{minor}"


def choose_target() -> tuple[Target | None, str]:
    """Package and GPU to use here, and the reason in one sentence; no target where there is none."""
    if not has_driver():
        return None, "No NVIDIA driver is on this machine."
    capability = gpu_capability()
    if capability is None:
        return None, f"An NVIDIA driver is here but torch sees no GPU: run `{GPU_REQUIREMENTS}`."
    packages = installed_packages()
    if not packages:
        return None, f"An NVIDIA GPU is here but TensorRT is not: run `{GPU_REQUIREMENTS}`."
    for package in packages:
        if not package.is_rtx or capability in package.capabilities():
            return Target(package, capability), f"{package.name} {package.version} runs on this GPU ({capability})."
    return None, f"TensorRT for RTX builds for {', '.join(packages[-1].capabilities())} but this GPU is {capability}."


def make_logger(package: Package) -> Any:
    """A logger of the package that keeps error lines in `.errors` and prints nothing."""
    trt = package.module

    class Log(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, msg: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.errors.append(msg)

    return Log()
