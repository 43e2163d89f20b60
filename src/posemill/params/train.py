"""The `train` section of params.yaml."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from posemill.params.section import Section


class AugmentParams(Section):
    """What is done to normalised windows in training; see posemill.features.augment for each. 0 switches one off."""

    rotate_rad: float = Field(default=0.3, ge=0)
    scale: float = Field(default=0.2, ge=0, lt=1)
    shear: float = Field(default=0.1, ge=0)
    mirror: float = Field(default=0.5, ge=0, le=1)
    swap_sides: float = Field(default=0.0, ge=0, le=1)
    jitter: float = Field(default=0.02, ge=0)
    drift: float = Field(default=0.03, ge=0)
    jumps: float = Field(default=0.02, ge=0, le=1)
    drop_frames: float = Field(default=0.05, ge=0, le=1)
    drop_clip: float = Field(default=0.1, ge=0, le=1)
    drop_limb: float = Field(default=0.1, ge=0, le=1)
    crop: float = Field(default=0.75, gt=0, le=1)


class TrainParams(Section):
    """Tunables of the train stage.

    network         name in posemill.models.NETWORKS.
    hyper           hyper-parameters by network name; those of other networks than `network` wait until it is chosen.
    windows_per_clip  windows drawn from every train clip an epoch; 0 = all windows of all clips.
    patience        epochs without a better validation accuracy before training stops.
    threads         of torch; results depend on it in the last digits.
    """

    network: str = "tcn"
    hyper: dict[str, dict[str, Any]] = Field(default_factory=dict)
    epochs: int = Field(default=40, ge=1)
    batch: int = Field(default=64, ge=2)
    windows_per_clip: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    mixup: float = Field(default=0.2, ge=0)
    patience: int = Field(default=15, ge=1)
    seed: int = 0
    threads: int = Field(default=2, ge=1)
    augment: AugmentParams = AugmentParams()

    @property
    def own_hyper(self) -> dict[str, Any]:
        """The hyper-parameters of the chosen network."""
        return self.hyper.get(self.network, {})
