"""params.yaml, parsed: one section a stage, unknown keys refused, every fault reported at once."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from posemill.params.compute import ComputeParams
from posemill.params.evaluate import EvaluateParams
from posemill.params.ingest import IngestParams
from posemill.params.label import LabelParams
from posemill.params.monitor import MonitorParams
from posemill.params.package import PackageParams
from posemill.params.prepare import PrepareParams
from posemill.params.retention import RetentionParams
from posemill.params.section import Section, parse, read
from posemill.params.shadow import ShadowParams
from posemill.params.snapshot import SnapshotParams
from posemill.params.train import TrainParams
from posemill.params.tune import TuneParams
from posemill.params.validate import ValidateParams


class Params(Section):
    """The whole of params.yaml: a section a stage; `tune`, `monitor`, `retention`, `shadow` are of the commands.

    `compute` is of the stages that can do so on other machines.
    """

    snapshot: SnapshotParams = SnapshotParams()
    ingest: IngestParams = IngestParams()
    label: LabelParams = LabelParams()
    validate_: ValidateParams = Field(ValidateParams(), alias="validate")  # BaseModel has a method of that name
    prepare: PrepareParams = PrepareParams()
    train: TrainParams = TrainParams()
    tune: TuneParams = TuneParams()
    evaluate: EvaluateParams = EvaluateParams()
    package: PackageParams = PackageParams()
    monitor: MonitorParams = MonitorParams()
    retention: RetentionParams = RetentionParams()
    shadow: ShadowParams = ShadowParams()
    compute: ComputeParams = ComputeParams()

    def section(self, stage: str) -> Section:
        """The section of one stage."""
        section: Section = getattr(self, "validate_" if stage == "validate" else stage)
        return section


def load(path: Path) -> Params:
    """Parse params.yaml; ParamsError lists every fault with file and key."""
    return parse(read(path), Params, path)
