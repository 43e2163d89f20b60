"""OpenPifPaf as a pose backend; nothing else imports openpifpaf (it is AGPL-3.0)."""

from __future__ import annotations

from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams
from posemill.settings import Settings


def load(params: LabelParams) -> PoseBackend:
    """The backend with the checkpoint and parameters of the label section; see checkpoints.load_checkpoint."""
    from posemill.estimation.backends.openpifpaf.backend import OpenPifPafBackend
    from posemill.estimation.backends.openpifpaf.checkpoints import load_checkpoint

    cache = Settings.from_env().home / "cache"
    checkpoint = load_checkpoint(params.checkpoint, params.checkpoint_sha256, cache / "checkpoints")
    return OpenPifPafBackend(checkpoint, params, cache)
