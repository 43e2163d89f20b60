"""Data validation of a whole dataset: tracks first, then clips by the people who passed, then the set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from posemill.params.validate import ValidateParams
from posemill.quality import balance, facts, rejection
from posemill.quality.exploration import Exploration
from posemill.quality.kept_surveys import KeptSurveys
from posemill.quality.outcomes import ExpectationOutcome, QualityReport, SuiteOutcome
from posemill.quality.suite_runner import RowFailure, SuiteRunner, suite_runner
from posemill.quality.track_survey import SurveyPart, TrackSurvey
from posemill.store.tracks import read_shard, shard_media, shard_paths


@dataclass(frozen=True, slots=True, eq=False)
class ValidationTables:
    """Tables to validate: media and clips of ingest, the media table of label; columns as in docs/architecture.md."""

    media: pd.DataFrame
    clips: pd.DataFrame
    labelled: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class ValidationResults:
    """Outcome of data validation.

    accepted  the clips that passed, ingest's columns.
    rejected  rows of rejected.parquet.
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    report: QualityReport
    exploration: Exploration


def validate(
    tables: ValidationTables,
    label: Path,
    params: ValidateParams,
    expectations: Path,
    docs: Path,
    split_by: str = "subject",
    kept: KeptSurveys | None = None,
) -> ValidationResults:
    """Validate tracks and clips; Data Docs are written to `docs`.

    label     folder of shards of tracks.
    split_by  prepare.split.by, see balance.with_clip_columns.
    kept      surveys of shards of an earlier run; the result is the same without them.
    Nothing is raised for faults in the data: see suite_runner.require.
    """
    survey = TrackSurvey(tables.clips, params)
    for shard in shard_paths(label):
        survey.add(_surveyed(survey, shard, kept))
    track_facts = survey.tracks()
    with suite_runner(expectations, docs) as runner:
        track_suite, bad_tracks = _tracks(runner, track_facts)
        rejected_tracks = rejection.rejected_tracks(track_facts, bad_tracks)
        clips = facts.clip_facts(tables.clips, tables.media, tables.labelled, _poses(survey.inside(), rejected_tracks))
        clip_suite, bad_clips, good = _clips(runner, clips, split_by)
    rejected = pd.concat([rejection.rejected_clips(clips, bad_clips, tables.labelled), rejected_tracks])
    accepted = tables.clips.reset_index(drop=True)[good]
    report = QualityReport(suites=[clip_suite, track_suite])
    shown = Exploration(tables.media, tables.labelled, clips, accepted["clip"], track_facts, rejected, survey, report)
    return ValidationResults(accepted, rejected.reset_index(drop=True), report, shown)


def _surveyed(survey: TrackSurvey, shard: Path, kept: KeptSurveys | None) -> SurveyPart:
    """The survey of one shard, made now or kept."""
    if kept is None:
        return survey.survey(read_shard(shard))
    key = kept.key(shard, survey.decides(shard_media(shard)))
    part = kept.find(key)
    if part is None:
        part = survey.survey(read_shard(shard))
        kept.put(key, part)
    return part


def _tracks(runner: SuiteRunner, tracks: pd.DataFrame) -> tuple[SuiteOutcome, list[RowFailure]]:
    outcomes, failures = runner.rows("tracks", tracks)
    bad = {f.row for f in failures}
    outcomes += runner.set("tracks", tracks.assign(rejected_share=len(bad) / max(len(tracks), 1)))
    return _suite("tracks", len(tracks), bad, outcomes), failures


def _clips(
    runner: SuiteRunner, clips: pd.DataFrame, split_by: str
) -> tuple[SuiteOutcome, list[RowFailure], list[bool]]:
    """Validate clips; also which rows passed. The set is checked on those: rejected clips make no class large."""
    outcomes, failures = runner.rows("clips", clips)
    bad = {f.row for f in failures}
    good = [row not in bad for row in range(len(clips))]
    passed = balance.with_clip_columns(clips.reset_index(drop=True)[good], len(bad) / max(len(clips), 1), split_by)
    outcomes += runner.set("clips", passed)
    return _suite("clips", len(clips), bad, outcomes), failures, good


def _suite(name: str, rows: int, bad: set[int], outcomes: list[ExpectationOutcome]) -> SuiteOutcome:
    return SuiteOutcome(suite=name, rows=rows, rejected=len(bad), outcomes=outcomes)


def _poses(inside: pd.DataFrame, rejected: pd.DataFrame) -> pd.Series[int]:
    """Poses by clip, of the tracks that passed."""
    bad = pd.MultiIndex.from_frame(rejected[["medium", "person"]])
    keep = ~pd.MultiIndex.from_frame(inside[["medium", "person"]]).isin(bad)
    return inside[keep].groupby("clip")["poses"].sum()
