"""Validation of a whole dataset: tracks first, then clips by the people who passed, then the set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from posemill.params.validate import ValidateParams
from posemill.pose.track import MediumTracks
from posemill.quality import balance, facts, rejection
from posemill.quality.exploration import Exploration
from posemill.quality.outcome import Outcome, QualityReport, SuiteOutcome
from posemill.quality.run import Fault, Judge, judge
from posemill.quality.track_survey import Survey


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """What is validated: media and clips of ingest, the media table of label; columns as in docs/architecture.md."""

    media: pd.DataFrame
    clips: pd.DataFrame
    labelled: pd.DataFrame


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """accepted  the clips that passed, ingest's columns; rejected  rows of rejected.parquet; and what was seen."""

    accepted: pd.DataFrame
    rejected: pd.DataFrame
    report: QualityReport
    exploration: Exploration


def validate(
    tables: Tables, tracks: Iterable[MediumTracks], params: ValidateParams, expectations: Path, docs: Path
) -> Verdict:
    """Judge everything; Data Docs are written to `docs`. Nothing is raised for faults in the data: see run.require."""
    survey = Survey(tables.clips, params)
    for medium in tracks:
        survey.add(medium)
    found = survey.tracks()
    with judge(expectations, docs) as judged:
        track_suite, bad_tracks = _tracks(judged, found)
        rejected_tracks = rejection.rejected_tracks(found, bad_tracks)
        clips = facts.clip_facts(tables.clips, tables.media, tables.labelled, _poses(survey.inside(), rejected_tracks))
        clip_suite, bad_clips, good = _clips(judged, clips)
    rejected = pd.concat([rejection.rejected_clips(clips, bad_clips, tables.labelled), rejected_tracks])
    accepted = tables.clips.reset_index(drop=True)[good]
    report = QualityReport(suites=[clip_suite, track_suite])
    shown = Exploration(tables.media, tables.labelled, clips, accepted["clip"], found, rejected, survey, report)
    return Verdict(accepted, rejected.reset_index(drop=True), report, shown)


def _tracks(judged: Judge, tracks: pd.DataFrame) -> tuple[SuiteOutcome, list[Fault]]:
    outcomes, faults = judged.rows("tracks", tracks)
    bad = {f.row for f in faults}
    outcomes += judged.set("tracks", tracks.assign(rejected_share=len(bad) / max(len(tracks), 1)))
    return _suite("tracks", len(tracks), bad, outcomes), faults


def _clips(judged: Judge, clips: pd.DataFrame) -> tuple[SuiteOutcome, list[Fault], list[bool]]:
    """Also which rows passed. The set is judged on those: a class may be large only by clips that are left out."""
    outcomes, faults = judged.rows("clips", clips)
    bad = {f.row for f in faults}
    good = [row not in bad for row in range(len(clips))]
    passed = balance.with_clip_columns(clips.reset_index(drop=True)[good], len(bad) / max(len(clips), 1))
    outcomes += judged.set("clips", passed)
    return _suite("clips", len(clips), bad, outcomes), faults, good


def _suite(name: str, rows: int, bad: set[int], outcomes: list[Outcome]) -> SuiteOutcome:
    return SuiteOutcome(suite=name, rows=rows, rejected=len(bad), outcomes=outcomes)


def _poses(inside: pd.DataFrame, rejected: pd.DataFrame) -> pd.Series[int]:
    """Poses by clip, of the tracks that passed."""
    bad = pd.MultiIndex.from_frame(rejected[["medium", "person"]])
    keep = ~pd.MultiIndex.from_frame(inside[["medium", "person"]]).isin(bad)
    return inside[keep].groupby("clip")["poses"].sum()
