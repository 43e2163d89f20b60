"""A rendered person, and the embedded backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams
from posemill.synth.corpus import Plan, SynthClip, stage


@pytest.fixture(scope="session")
def rendered() -> tuple[SynthClip, NDArray[np.uint8]]:
    """A clip of somebody doing jumping jacks, and its first picture."""
    clip = stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0))
    return clip, next(clip.images())


@pytest.fixture(scope="session")
def pose_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where exported networks are kept for the session."""
    return tmp_path_factory.mktemp("pose-home")


@pytest.fixture(scope="session")
def backend(pose_home: Path) -> PoseBackend:
    """The backend with default parameters."""
    from posemill.estimation.backends.openpifpaf.backend import OpenPifPafBackend
    from posemill.estimation.backends.openpifpaf.checkpoints import load_checkpoint

    return OpenPifPafBackend(load_checkpoint("posenet", None, pose_home), LabelParams(), pose_home)
