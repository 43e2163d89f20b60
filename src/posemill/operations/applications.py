"""Applications over a dataset: stored tracks of every medium, results into the database with their provenance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING, Any

from posemill.errors import InputError
from posemill.stages.result import StageResult

if TYPE_CHECKING:
    from posemill.applications.protocol import Application
    from posemill.applications.result import ApplicationResult
    from posemill.pose.track import MediumTracks
    from posemill.review.labelled import Labelled
    from posemill.settings import Settings


class ApplicationsResult(StageResult):
    """Counts of a run over a dataset: media run now, media whose results were there, and what was said of the former.

    unlabelled  videos without tracks: label them first.
    """

    stage: str = "applications"
    application: str
    dataset: str | None
    media: int
    unchanged: int
    unlabelled: int
    events: int
    alarms: int
    measurements: int


def run(
    name: str,
    values: Mapping[str, Any] | None = None,
    *,
    dataset: str | None = None,
    settings: Settings | None = None,
    on_result: Callable[[str, ApplicationResult], object] = lambda _medium, _result: None,
) -> ApplicationsResult:
    """Run an application on the tracks of a dataset (None: of all), and store what it says.

    Args:
        name: of the application.
        values: its parameters.
        dataset: name of a dataset of the database.
        settings: of the workspace; None = of the environment.
        on_result: gets the digest of a medium and its result, once it is stored.

    What was run with the same tracks, parameters and code is not run again. A medium is stored whole or not at all.
    Errors: InputError for an unknown application, parameter or dataset; Unavailable when the database is away.
    """
    from posemill.applications.protocol import Severity
    from posemill.applications.registry import find_application
    from posemill.settings import Settings
    from posemill.store.application_results import store_run, stored_runs
    from posemill.store.postgres import opened_engine

    settings = settings or Settings.from_env()
    kind = find_application(name)
    application = kind.from_values(values or {})
    code = _code(kind)
    counts = dict.fromkeys(("media", "unchanged", "events", "alarms", "measurements"), 0)
    with opened_engine(settings) as engine:
        with engine.connect() as connection:
            labelled = _labelled(settings, connection)
            media = _media(labelled, dataset)
            there = stored_runs(connection, name)
        for medium in media:
            provenance = _provenance(application, labelled.tracks(medium), code)
            if (medium, _fingerprint(provenance)) in there:
                counts["unchanged"] += 1
                continue
            result = _of_medium(application, labelled, medium)
            with engine.begin() as connection:
                store_run(connection, medium, *_rows(result, provenance))
            on_result(medium, result)
            counts["media"] += 1
            counts["events"] += len(result.events)
            counts["alarms"] += sum(event.severity == Severity.ALARM for event in result.events)
            counts["measurements"] += len(result.measurements)
    return ApplicationsResult(application=name, dataset=dataset, unlabelled=labelled.missing, **counts)


def _labelled(settings: Settings, connection: Any) -> Labelled:
    from posemill.review.labelled import open_labelled

    return open_labelled(settings, connection)


def _media(labelled: Labelled, dataset: str | None) -> list[str]:
    if dataset is None:
        return list(labelled.rows)
    known = sorted({str(row["dataset"]) for row in labelled.rows.values()})
    if dataset not in known:
        raise InputError(f"no medium of dataset {dataset!r} has tracks; there are {', '.join(known) or 'none'}")
    return [digest for digest, row in labelled.rows.items() if row["dataset"] == dataset]


def _of_medium(application: Application[Any], labelled: Labelled, medium: str) -> ApplicationResult:
    from posemill.applications.run import run as run_application
    from posemill.applications.sources import stream_of_tracks

    source = str(labelled.rows[medium]["source"] or medium[:12])
    return run_application(application, stream_of_tracks(labelled.tracks(medium), source))


def _provenance(application: Application[Any], tracks: MediumTracks, code: str) -> dict[str, Any]:
    """Everything that decides a result."""
    from posemill.store.track_file import medium_bytes

    return {
        "application": application.name,
        "params": application.params.model_dump(mode="json"),
        "labeller": tracks.labeller,
        "tracks": hashlib.sha256(medium_bytes(tracks)).hexdigest(),
        "code": code,
        "posemill": metadata.version("posemill"),
    }


def _code(kind: type[Application[Any]]) -> str:
    """Digest of the code that decides: the application with everything it imports."""
    from posemill.code_digest import code_digest, import_closure

    return code_digest(import_closure(kind.__module__)) if kind.__module__.startswith("posemill.") else "not packaged"


def _fingerprint(provenance: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(provenance), sort_keys=True).encode()).hexdigest()


def _rows(
    result: ApplicationResult, provenance: Mapping[str, Any]
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    run = {
        "application": result.application,
        "fingerprint": _fingerprint(provenance),
        "provenance": dict(provenance),
        "summary": result.summary,
        "frames": result.frames,
        "duration_s": result.duration_s,
        "people": result.people,
    }
    events = [asdict(event) for event in result.events]
    return run, events, [asdict(measurement) for measurement in result.measurements]
