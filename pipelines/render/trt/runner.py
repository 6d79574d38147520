"""Runs one engine: tensors bound by name to buffers that are allocated once, on a stream of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from pipelines.errors import StudioError

DTYPES = {
    "FLOAT": torch.float32,
    "HALF": torch.float16,
    "BF16": torch.bfloat16,
    "INT32": torch.int32,
    "INT64": torch.int64,
    "BOOL": torch.bool,
}


class EngineRunner:
    """One engine with static shapes.

    Args:
        engine: an `ICudaEngine`.
        device: where the buffers lie.
        stream: a `torch.cuda.Stream`; None runs on the null stream, for buffers that are not on a GPU.
        graph: whether to record the launch as a CUDA graph on the second run.
    """

    def __init__(
        self, engine: Any, *, device: torch.device, stream: torch.cuda.Stream | None = None, graph: bool = True
    ) -> None:
        self.engine = engine
        self.context = engine.create_execution_context()
        if self.context is None:
            raise StudioError("TensorRT could not make an execution context: the GPU's memory may be full.")
        self.device, self.stream = device, stream
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        self._graph: torch.cuda.CUDAGraph | None = None
        self._wants_graph = graph and stream is not None
        self._runs = 0
        self._bind()

    def _bind(self) -> None:
        for index in range(self.engine.num_io_tensors):
            name = self.engine.get_tensor_name(index)
            shape = tuple(self.engine.get_tensor_shape(name))
            dtype = DTYPES.get(self.engine.get_tensor_dtype(name).name)
            if dtype is None or min(shape, default=1) < 0:
                raise StudioError(f"The engine's tensor '{name}' should have a fixed shape and a known type.")
            buffer = torch.zeros(shape, dtype=dtype, device=self.device)
            is_input = self.engine.get_tensor_mode(name).name == "INPUT"
            (self.inputs if is_input else self.outputs)[name] = buffer
            if is_input and not self.context.set_input_shape(name, shape):
                raise StudioError(f"The engine refuses the shape {shape} of '{name}'.")
            if not self.context.set_tensor_address(name, buffer.data_ptr()):
                raise StudioError(f"The engine refuses the buffer of '{name}'.")

    @property
    def buffer_bytes(self) -> int:
        """Bytes of all bound tensors."""
        return sum(t.numel() * t.element_size() for t in (*self.inputs.values(), *self.outputs.values()))

    def run(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Compute tensors of the engine's own shapes; those returned are overwritten by the next run.

        Raises:
            StudioError: a tensor is missing, unknown or of another shape, or the engine fails.
        """
        if values.keys() != self.inputs.keys():
            raise StudioError(f"The engine takes {sorted(self.inputs)} but was given {sorted(values)}.")
        for name, value in values.items():
            if value.shape != self.inputs[name].shape:
                raise StudioError(
                    f"`{name}` should have shape {tuple(self.inputs[name].shape)} but is {tuple(value.shape)}."
                )
        if self.stream is None:
            self._copy_in(values)
            self._launch()
            return self.outputs
        self.stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.stream):
            self._copy_in(values)
            self._launch()
        torch.cuda.current_stream(self.device).wait_stream(self.stream)
        return self.outputs

    def _copy_in(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.inputs[name].copy_(value, non_blocking=True)

    def _launch(self) -> None:
        # The first run may still allocate inside the library; only from the second on is it recordable.
        if self._wants_graph and self._graph is None and self._runs == 1:
            self._record()
        self._runs += 1
        if self._graph is not None:
            self._graph.replay()
        else:
            self._execute()

    def _execute(self) -> None:
        handle = 0 if self.stream is None else self.stream.cuda_stream
        if not self.context.execute_async_v3(handle):
            raise StudioError("The engine failed while running: rebuild it with `python -m pipelines engines build`.")

    def _record(self) -> None:
        """Record the launch; engines that cannot be recorded go on being launched one by one."""
        self._wants_graph = False
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream) if self.stream else nullcontext():
                self._execute()
        except (RuntimeError, StudioError):
            return
        self._graph = graph
