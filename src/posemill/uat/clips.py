"""Clips of scenarios as local files, and the service's analysis of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import InputError
from posemill.serving.client import Client
from posemill.serving.schemas.activity import Person, TrackPoints, VideoAnswer, VideoFacts
from posemill.serving.schemas.applications import ApplicationAnswer
from posemill.settings import Settings
from posemill.store.media import MediaStore, digest_of
from posemill.uat.provenance import provenance_of
from posemill.uat.scenarios import LocatedScenario, Scenario
from posemill.uat.settings import AcceptanceSettings

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip as a local file. kind: `video`, or `keypoints` for a track file."""

    name: str
    path: Path
    digest: str
    kind: str = "video"

    def analyse(self, client: Client) -> VideoAnswer:
        """Send the clip to a service and return its answer. Errors: those of Client."""
        if self.kind == "video":
            return client.analyse_video(self.path, tracks=True)
        return _analyse_keypoints(client, self.path)

    def run_application(self, client: Client, scenario: Scenario) -> ApplicationAnswer:
        """Run the scenario's application on the clip at a service. Errors: those of Client."""
        from posemill.store.track_file import read_medium

        source = self.path if self.kind == "video" else read_medium(self.path)
        return client.run_application(str(scenario.application), source, scenario.params)


def find_clips(acceptance: AcceptanceSettings) -> list[ClipFile]:
    """Clip of every scenario; the database is only queried if a scenario names a medium of it.

    Errors: InputError that lists all clips that cannot be found.
    """
    located = acceptance.located
    rows = _media_rows(acceptance.settings, [entry.scenario for entry in located if entry.scenario.path is None])
    clips: list[ClipFile] = []
    missing: list[str] = []
    for entry in located:
        try:
            clips.append(_find_clip(acceptance.settings, entry, rows))
        except InputError as exc:
            missing.append(f"{entry.file}, {entry.scenario.name!r}: {exc}")
    if missing:
        raise InputError("; ".join(missing))
    return clips


def _find_clip(settings: Settings, entry: LocatedScenario, rows: Mapping[str, RowMapping | InputError]) -> ClipFile:
    if entry.scenario.path is not None:
        path = (entry.file.parent / entry.scenario.path).resolve()
        if not path.is_file():
            raise InputError(f"there is no file {path}")
        return ClipFile(path.name, path, digest_of(path))
    row = rows[_medium_name(entry.scenario)]
    if isinstance(row, InputError):
        raise row
    path = MediaStore(settings.store_url).fetch(row["digest"])
    return ClipFile(row["source"] or row["digest"][:12], path, row["digest"], row["kind"])


def _media_rows(settings: Settings, scenarios: Sequence[Scenario]) -> dict[str, RowMapping | InputError]:
    """Media by the name that scenarios give them; an InputError stands for one that cannot be found."""
    if not scenarios:
        return {}
    from posemill.store.postgres import opened_engine

    with opened_engine(settings) as engine, engine.connect() as connection:
        return {name: _media_row(connection, name) for name in map(_medium_name, scenarios)}


def _medium_name(scenario: Scenario) -> str:
    return scenario.medium or scenario.source or ""


def _media_row(connection: Connection, name: str) -> RowMapping | InputError:
    from posemill.store.references import find_any_medium

    try:
        return find_any_medium(connection, name)
    except InputError as exc:
        return exc


def _analyse_keypoints(client: Client, path: Path) -> VideoAnswer:
    """Send keypoints track by track and combine the answers as the service does for a video."""
    from posemill.features.main_subject import main_subject
    from posemill.pose.pairs import with_partner
    from posemill.prediction.place import third, usual_box
    from posemill.serving.arrays import with_nulls
    from posemill.store.track_file import read_medium

    tracks = read_medium(path)
    answers = {track.person: client.predict_track(with_partner(track, tracks.others(track))) for track in tracks.tracks}
    if not answers:
        raise InputError(f"{path.name} has no person in it")
    people = [
        Person(
            person=t.person,
            start_s=float(t.time_s[0]),
            end_s=float(t.time_s[-1]),
            poses=len(t),
            box=usual_box(t),
            place=third(usual_box(t), tracks.width_px),
            verdict=answers[t.person].verdict,
            segments=answers[t.person].segments,
            track=TrackPoints(time_s=t.time_s.tolist(), xy=with_nulls(t.xy), confidence=t.confidence.tolist()),
        )
        for t in tracks.tracks
    ]
    subject = main_subject(tracks)
    facts = VideoFacts(
        width_px=tracks.width_px,
        height_px=tracks.height_px,
        frames=tracks.frames,
        duration_s=tracks.duration_s,
        skeleton=tracks.skeleton.name,
    )
    return VideoAnswer(
        video=facts,
        verdict=answers[subject.person].verdict if subject else None,
        main_subject=subject.person if subject else None,
        people=people,
        provenance=provenance_of(next(iter(answers.values()))),
    )
