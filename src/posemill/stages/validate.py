"""validate: data validation by Great Expectations. Faulty rows are rejected with a reason; a faulty set stops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.params import section
from posemill.params.validate import ValidateParams
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from posemill.quality.validation import ValidationResults


class ValidateResult(StageResult):
    """Counts of accepted and rejected clips and tracks, with the reasons."""

    stage: str = "validate"
    clips: int
    clips_rejected: int
    tracks: int
    tracks_rejected: int
    activities: int
    expectations: int
    report: str = "build/validate/exploration.html"
    reasons: dict[str, int]


def to_quarantine(rejected: pd.DataFrame) -> None:
    """Bring the quarantine table of the database that the settings name in line with `rejected`."""
    from posemill.quality.quarantine_update import update_quarantine
    from posemill.settings import Settings
    from posemill.store.postgres import transaction

    with transaction(Settings.from_env()) as connection:
        update_quarantine(connection, rejected)


def run(
    params: ValidateParams,
    inputs: Workspace,
    outputs: Path,
    record: Callable[[pd.DataFrame], None] = to_quarantine,
) -> ValidateResult:
    """Judge the tables of ingest and label by the suites in expectations/.

    Writes clips.parquet, rejected.parquet, quality.json, docs/ and exploration.html, also when the set fails.
    record  takes the rows of rejected.parquet to where people look at them.
    Errors: QualityError, one sentence a failure of the set; InputError for a track file that is not one; Unavailable
    when the database is away (all files are written by then).
    """
    import pandas as pd

    from posemill.quality import exploration
    from posemill.quality.kept_surveys import KeptSurveys
    from posemill.quality.suite_runner import require
    from posemill.quality.validation import ValidationTables, validate

    ingest, label = inputs.output("ingest"), inputs.output("label")
    tables = ValidationTables(
        media=pd.read_parquet(ingest / "media.parquet"),
        clips=pd.read_parquet(ingest / "clips.parquet"),
        labelled=pd.read_parquet(label / "media.parquet"),
    )
    kept = KeptSurveys(inputs.cache("validate"))
    results = validate(tables, label, params, inputs.expectations, outputs / "docs", _split_by(inputs), kept)
    kept.prune()
    results.accepted.to_parquet(outputs / "clips.parquet", index=False)
    results.rejected.to_parquet(outputs / "rejected.parquet", index=False)
    (outputs / "quality.json").write_text(results.report.model_dump_json(indent=2) + "\n")
    exploration.page(results.exploration).write(outputs / "exploration.html")
    record(results.rejected)
    require(results.report)
    return _result(results)


def _split_by(inputs: Workspace) -> str:
    """prepare.split.by: the one parameter of another stage, since it says whether subjects may be on both sides.

    It decides only whether this stage stops; a later change of it stops the prepare stage instead.
    """
    if not inputs.params.is_file():
        return "subject"
    split = (section.read(inputs.params).get("prepare") or {}).get("split") or {}
    return str(split.get("by", "subject"))


def _result(results: ValidationResults) -> ValidateResult:
    clips, tracks = results.report.suites
    reasons = results.rejected["reason"].value_counts().head(20)
    return ValidateResult(
        clips=clips.rows - clips.rejected,
        clips_rejected=clips.rejected,
        tracks=tracks.rows - tracks.rejected,
        tracks_rejected=tracks.rejected,
        activities=int(results.accepted["activity"].nunique()),
        expectations=results.report.expectations,
        reasons={str(k): int(v) for k, v in reasons.items()},
    )
