"""The `evaluate` section of params.yaml."""

from pydantic import Field

from posemill.params.section import Section


class Gates(Section):
    """Limits on figures of metrics.json; null switches one off. A model on the wrong side is not packaged.

    Accuracy and F1 are of whole clips of the test split, which is what a client sees; the calibration error is of
    windows after the temperature, since a test split rarely has enough clips to measure it on them.
    """

    min_accuracy: float | None = Field(default=0.8, ge=0, le=1)
    min_macro_f1: float | None = Field(default=0.75, ge=0, le=1)
    min_class_recall: float | None = Field(default=None, ge=0, le=1)
    max_ece: float | None = Field(default=0.25, ge=0, le=1)
    min_clips: int | None = Field(default=8, ge=1)


class EvaluateParams(Section):
    """Tunables of the evaluate stage."""

    gates: Gates = Gates()
    batch_size: int = Field(default=256, ge=1)
    reliability_bins: int = Field(default=10, ge=2, le=50)
    mistakes_shown: int = Field(default=6, ge=0, le=50)
