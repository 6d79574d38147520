"""Fixtures every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server import server_url

__all__ = ["server_url"]

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of evaluation data beside the repository; tests that need it skip where it is absent."""
    folder = REPO.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the evaluation data (../shared) is not on this machine")
    return folder
