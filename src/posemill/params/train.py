"""The `train` section of params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from posemill.params.section import Section

NETWORKS = (
    "tcn",
    "stgcn",
    "stgcn++",
    "transformer",
    "posec3d",
    "posec3d-slowonly",
    "linear",
    "mlp",
)  # as in models, by a test


# What training takes where params.yaml names no other. The networks' own defaults are those of trained networks whose
# card names none, so they stay as they are.
HYPER: Mapping[str, Mapping[str, Any]] = MappingProxyType({"tcn": MappingProxyType({"width": 96})})


class AugmentParams(Section):
    """Data augmentation of normalised windows; see posemill.features.augment for each. 0 switches one off.

    noise  fitted: instead of jitter, drift, jumps and swap_stretches, the labeller's own errors as the label stage
           measured them against true keypoints; keypoints lost come on top of what is set here.
    yaw_rad  only where windows have z.
    swap_people  only where windows have two people.
    """

    noise: Literal["set", "fitted"] = "set"
    rotate_rad: float = Field(default=0.3, ge=0)
    yaw_rad: float = Field(default=0.5, ge=0)
    scale: float = Field(default=0.2, ge=0, lt=1)
    shear: float = Field(default=0.1, ge=0)
    mirror: float = Field(default=0.5, ge=0, le=1)
    swap_sides: float = Field(default=0.0, ge=0, le=1)
    swap_stretches: float = Field(default=0.3, ge=0, le=1)
    swap_people: float = Field(default=0.5, ge=0, le=1)
    jitter: float = Field(default=0.02, ge=0)
    drift: float = Field(default=0.03, ge=0)
    jumps: float = Field(default=0.02, ge=0, le=1)
    drop_frames: float = Field(default=0.05, ge=0, le=1)
    drop_clip: float = Field(default=0.1, ge=0, le=1)
    drop_limb: float = Field(default=0.1, ge=0, le=1)
    crop: float = Field(default=0.75, gt=0, le=1)
    speed: float = Field(default=0.0, ge=0, le=1)
    frame_rate: float = Field(default=0.0, ge=0, le=1)


class TrainParams(Section):
    """Tunables of the train stage.

    network         name in NETWORKS; see docs/models.md for each.
    hyper           hyper-parameters by network name, over those of HYPER; those of other networks than `network` wait
                    until it is chosen.
    pretrained      weights to begin with: a network.safetensors or its folder, seen from the workspace; or
                    `packaged`, the activity model that comes with posemill; or `yoga`, the pose model of the yoga
                    identifier.
    pretrained_parts  `all` of it, or its `body`: all layers but the last, for other activities; the last is then
                    made of class means before the first step.
    windows_per_clip  windows drawn from every train clip an epoch; 0 = all windows of all clips.
    min_windows_per_epoch  an epoch of fewer windows passes over them again, so that few clips are learnt from for long
                    enough: 250 windows in batches of 32 would be 320 steps in 40 epochs.
    folds           n > 1: n networks that answer together, each trained without another n-th of the clips that are not
                    for testing, on which it is judged; takes n times as long. Where clips or subjects are few, it
                    learns from all of them and chooses by all of them.
    patience        epochs without a better validation accuracy before training stops.
    threads         of torch, a device; results depend on it in the last digits.
    accelerator, devices, precision, strategy  as Lightning has them: what is computed on, on how many of them, in which
                    numbers (`bf16-mixed`: matrix products in 16 bits, weights and sums in 32) and how devices are
                    started. Each of n devices takes an n-th of every batch.
    partitions      parts of the train windows, a file each; every batch takes equally many from each, and each of n
                    devices reads an n-th of the parts and no others. A multiple of `devices`; 1: every device reads
                    all. The order of windows depends on it, and not on the number of devices.
    """

    network: str = "tcn"
    hyper: dict[str, dict[str, Any]] = Field(default_factory=dict, validate_default=True)
    pretrained: str | None = None
    pretrained_parts: Literal["all", "body"] = "all"
    epochs: int = Field(default=40, ge=1)
    batch: int = Field(default=32, ge=2)
    windows_per_clip: int = Field(default=0, ge=0)
    min_windows_per_epoch: int = Field(default=1600, ge=0)
    learning_rate: float = Field(default=3e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    mixup: float = Field(default=0.2, ge=0)
    patience: int = Field(default=25, ge=1)
    seed: int = 0
    folds: int = Field(default=1, ge=1, le=20)
    threads: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu", "mps", "auto"] = "cpu"
    devices: int = Field(default=1, ge=1)
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    strategy: Literal["auto", "ddp_fork", "ddp_spawn"] = "auto"
    partitions: int = Field(default=1, ge=1)
    augment: AugmentParams = AugmentParams()

    @field_validator("network")
    @classmethod
    def _is_known(cls, name: str) -> str:
        """A slip is told when params.yaml is read, not after hours of labelling."""
        if name == "ensemble":
            raise ValueError("an ensemble is put together by `posemill assemble`; train its members")
        if name not in NETWORKS:
            raise ValueError(f"unknown network {name!r}; known are {', '.join(NETWORKS)}")
        return name

    @field_validator("hyper")
    @classmethod
    def _are_of_known(cls, hyper: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        if unknown := sorted(set(hyper) - set(NETWORKS)):
            raise ValueError(
                f"hyper-parameters of unknown network {', '.join(unknown)}; known are {', '.join(NETWORKS)}"
            )
        return {**hyper, **{name: {**usual, **hyper.get(name, {})} for name, usual in HYPER.items()}}

    @model_validator(mode="after")
    def _parts_are_for_devices(self) -> TrainParams:
        if self.partitions > 1 and (self.partitions % self.devices or self.batch < self.partitions):
            raise ValueError(
                f"partitions should be 1 or a multiple of devices ({self.devices}), and at most batch ({self.batch}); "
                f"came {self.partitions}"
            )
        return self

    @property
    def own_hyper(self) -> dict[str, Any]:
        """The hyper-parameters of the chosen network."""
        return self.hyper.get(self.network, {})
