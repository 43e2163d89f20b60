"""The `evaluate` section of params.yaml."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from posemill.params.section import Section


class Gates(Section):
    """Limits on figures of metrics.json; null switches one off. A model on the wrong side is not packaged.

    Accuracy and F1 are of whole clips of the test split, which is what a client sees; the calibration error is of
    windows after the temperature, since a test split rarely has enough clips to measure it on them.
    max_accuracy_lost_to_…      accuracy that may be lost at the perturbation strength that `robustness` names.
    min_frame_rate_consistency  share of clips with the same prediction at the worst of `robustness.rates_hz` and with
                                frames that are lost.
    min_backend_consistency     the same with the keypoints of `robustness.second_tracks`.
    min_auroc_unknown           of test clips against clips of `prepare.unknown`: needs some.
    min_known_accepted          share of test clips that are not called "none of these".
    max_risk_at_coverage_…      share of wrong verdicts among the most confident 50 or 80 % of test and unknown clips.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "min_frame_rate_agreement": "min_frame_rate_consistency",
        "min_backend_agreement": "min_backend_consistency",
    }

    min_accuracy: float | None = Field(default=0.8, ge=0, le=1)
    min_macro_f1: float | None = Field(default=0.75, ge=0, le=1)
    min_class_recall: float | None = Field(default=0.3, ge=0, le=1)
    max_ece: float | None = Field(default=0.25, ge=0, le=1)
    min_clips: int | None = Field(default=8, ge=1)
    max_accuracy_lost_to_jitter: float | None = Field(default=None, ge=0, le=1)
    max_accuracy_lost_to_dropout: float | None = Field(default=0.1, ge=0, le=1)
    max_accuracy_lost_to_swaps: float | None = Field(default=None, ge=0, le=1)
    min_frame_rate_consistency: float | None = Field(default=0.9, ge=0, le=1)
    min_backend_consistency: float | None = Field(default=None, ge=0, le=1)
    max_stream_false_alarms_per_hour: float | None = Field(default=None, ge=0)
    max_stream_time_to_alert_s: float | None = Field(default=None, ge=0)
    min_stream_f1_50: float | None = Field(default=None, ge=0, le=1)
    min_auroc_unknown: float | None = Field(default=None, ge=0, le=1)
    min_known_accepted: float | None = Field(default=None, ge=0, le=1)
    max_risk_at_coverage_50: float | None = Field(default=None, ge=0, le=1)
    max_risk_at_coverage_80: float | None = Field(default=None, ge=0, le=1)


class RobustnessParams(Section):
    """Perturbations of the test clips; the gates say how much of them a model must stand.

    jitter       standard deviation of every keypoint's shift, as a share of the person's size in the picture.
    dropout      share of sightings that are lost; swaps share of poses whose left and right change names.
    rates_hz     frame rates at which the tracks are cut again; drop_frames share of frames that get lost.
    second_tracks  folder of track files of another pose backend, relative to the workspace; null = not tried.
    clips        at most so many, drawn at random from the test split with a fixed seed, so that a large one costs no
                 more; the report says so, with intervals.
    """

    jitter: float = Field(default=0.02, ge=0, le=1)
    dropout: float = Field(default=0.2, ge=0, lt=0.5)
    swaps: float = Field(default=0.1, ge=0, le=0.5)
    rates_hz: tuple[float, ...] = (10.0, 15.0, 30.0, 60.0)
    drop_frames: float = Field(default=0.2, ge=0, lt=1)
    second_tracks: str | None = None
    clips: int = Field(default=400, ge=1)


class EvaluateParams(Section):
    """Tunables of the evaluate stage.

    network      folder of the network that is judged and packaged, relative to the workspace: what train wrote, or an
                 ensemble by `posemill assemble`.
    target_selective_accuracy  selective accuracy wanted of the answers that are given; the rejection threshold
                 for it is fitted on the validation split.
    accept_known  share of the validation clips that the open-set score must not call "none of these"; its threshold
                 follows from it. null = no score: every clip gets an activity.
    """

    renamed: ClassVar[Mapping[str, str]] = {"trials": "robustness", "answered_right": "target_selective_accuracy"}

    network: str = "build/train"
    gates: Gates = Gates()
    robustness: RobustnessParams = RobustnessParams()
    batch_size: int = Field(default=256, ge=1)
    reliability_bins: int = Field(default=10, ge=2, le=50)
    mistakes_shown: int = Field(default=6, ge=0, le=50)
    target_selective_accuracy: float = Field(default=0.95, gt=0, le=1)
    accept_known: float | None = Field(default=0.95, gt=0, lt=1)
