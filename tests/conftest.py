"""Fixtures and Hypothesis profile of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("posemill", deadline=None)  # deadlines fail on a loaded machine
settings.load_profile("posemill")
MATERIAL = Path(__file__).resolve().parents[2] / "shared" / "data"
CASES = MATERIAL.parent / "cases"


@pytest.fixture
def material() -> Path:
    """The folder of real clips, photos and annotations beside the repository; skipped where it is not there."""
    if not MATERIAL.is_dir():
        pytest.skip(f"real material is not on this machine: no {MATERIAL}")
    return MATERIAL


@pytest.fixture
def cases() -> Path:
    """Inputs after public bug reports, a folder a kind, beside the repository; skipped where they are not there."""
    if not CASES.is_dir():
        pytest.skip(f"inputs after bug reports are not on this machine: no {CASES}")
    return CASES
