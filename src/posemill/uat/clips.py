"""Where the clips of scenarios are, and what a service says of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import InputError
from posemill.serving.client import Client
from posemill.serving.schemas.activity import Person, TrackPoints, VideoAnswer, VideoFacts
from posemill.settings import Settings
from posemill.store.media import MediaStore, digest_of
from posemill.uat.scenarios import Located, Scenario

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip as a file here: a video, or the keypoints of one (a track file)."""

    name: str
    path: Path
    digest: str
    kind: str = "video"

    def ask(self, client: Client) -> VideoAnswer:
        """What the service says. Errors: those of Client."""
        if self.kind == "video":
            return client.analyse_video(self.path, tracks=True)
        return _ask_keypoints(client, self.path)


@dataclass(frozen=True, slots=True)
class Clips:
    """Finds clips; the database is only asked where a scenario names a medium of it."""

    settings: Settings

    def find(self, located: Sequence[Located]) -> list[ClipFile]:
        """One a scenario. Errors: InputError that lists all that are not to be found."""
        found: list[ClipFile] = []
        faults: list[str] = []
        rows = self._rows([each.scenario for each in located if each.scenario.path is None])
        for each in located:
            try:
                found.append(self._one(each, rows))
            except InputError as exc:
                faults.append(f"{each.file}, {each.scenario.name!r}: {exc}")
        if faults:
            raise InputError("; ".join(faults))
        return found

    def _one(self, each: Located, rows: dict[str, RowMapping | InputError]) -> ClipFile:
        if each.scenario.path is not None:
            path = (each.file.parent / each.scenario.path).resolve()
            if not path.is_file():
                raise InputError(f"there is no file {path}")
            return ClipFile(path.name, path, digest_of(path))
        row = rows[_named(each.scenario)]
        if isinstance(row, InputError):
            raise row
        path = MediaStore(self.settings.store_url).fetch(row["digest"])
        return ClipFile(row["source"] or row["digest"][:12], path, row["digest"], row["kind"])

    def _rows(self, scenarios: Sequence[Scenario]) -> dict[str, RowMapping | InputError]:
        """What a scenario names → its medium, or why there is none."""
        if not scenarios:
            return {}
        from posemill.store.postgres import open_engine

        engine = open_engine(self.settings)
        try:
            with engine.connect() as connection:
                return {_named(s): _row(connection, _named(s)) for s in scenarios}
        finally:
            engine.dispose()


def _named(scenario: Scenario) -> str:
    return scenario.medium or scenario.source or ""


def _row(connection: Connection, named: str) -> RowMapping | InputError:
    from posemill.store.lineage import find_any_medium

    try:
        return find_any_medium(connection, named)
    except InputError as exc:
        return exc


def _ask_keypoints(client: Client, path: Path) -> VideoAnswer:
    """Keypoints are sent track by track; the answers are put together as those of a video are."""
    from posemill.features.main_subject import main_subject
    from posemill.serving.arrays import with_nulls
    from posemill.store.track_file import read_medium

    tracks = read_medium(path)
    answers = {track.person: client.predict_track(track) for track in tracks.tracks}
    if not answers:
        raise InputError(f"{path.name} has no person in it")
    people = [
        Person(
            person=t.person,
            start_s=float(t.time_s[0]),
            end_s=float(t.time_s[-1]),
            poses=len(t),
            verdict=answers[t.person].verdict,
            segments=answers[t.person].segments,
            track=TrackPoints(time_s=t.time_s.tolist(), xy=with_nulls(t.xy), confidence=t.confidence.tolist()),
        )
        for t in tracks.tracks
    ]
    acting = main_subject(tracks)
    facts = VideoFacts(
        width_px=tracks.width_px,
        height_px=tracks.height_px,
        frames=tracks.frames,
        duration_s=tracks.duration_s,
        skeleton=tracks.skeleton.name,
    )
    return VideoAnswer(
        video=facts,
        verdict=answers[acting.person].verdict if acting else None,
        main_subject=acting.person if acting else None,
        people=people,
        provenance=next(iter(answers.values())).provenance,
    )
