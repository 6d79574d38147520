"""The parity oracle, and a debug-size transformer."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.networks.motion_transformer import MotionTransformer, TransformerConfig
from pipelines.networks.seeded import seed_weights
from tests.networks.conftest import Oracle


@pytest.fixture(scope="session")
def oracle(shared: Path) -> Oracle:
    return Oracle(shared / "oracle")


@pytest.fixture(scope="session")
def debug_transformer() -> MotionTransformer:
    return seed_weights(MotionTransformer(TransformerConfig.debug())).eval().requires_grad_(False)
