"""Fixtures and Hypothesis profile of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("posemill", deadline=None)  # deadlines fail on a loaded machine
settings.load_profile("posemill")
MATERIAL = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def material() -> Path:
    """The folder of real clips, photos and annotations beside the repository; skipped where it is not there."""
    if not MATERIAL.is_dir():
        pytest.skip(f"real material is not on this machine: no {MATERIAL}")
    return MATERIAL
