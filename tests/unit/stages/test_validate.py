from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from posemill.erasure.files import found_in
from posemill.erasure.needles import Needles
from posemill.errors import QualityError
from posemill.params.validate import ValidateParams
from posemill.pose.track import MediumTracks
from posemill.quality import track_survey
from posemill.quality.facts import TrackFacts, track_facts
from posemill.stages import validate
from posemill.stages.workspace import Workspace
from posemill.store.shards import shard_paths, write_shards
from quality_tables import dataset, medium, person

EXPECTATIONS = Path(__file__).resolve().parents[3] / "expectations"
Data = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, list[MediumTracks]]


def written(root: Path, data: Data) -> Workspace:
    """A workspace in which ingest and label have run."""
    media, clips, labelled, tracks = data
    workspace = Workspace(root)
    for stage in ("ingest", "label", "validate"):
        workspace.output(stage).mkdir(parents=True)
    shutil.copytree(EXPECTATIONS, workspace.expectations)
    media.to_parquet(workspace.output("ingest") / "media.parquet")
    clips.to_parquet(workspace.output("ingest") / "clips.parquet")
    labelled.to_parquet(workspace.output("label") / "media.parquet")
    write_shards(workspace.output("label"), tracks)
    return workspace


def run(workspace: Workspace, recorded: list[pd.DataFrame] | None = None) -> validate.ValidateResult:
    record = (lambda _: None) if recorded is None else recorded.append
    return validate.run(ValidateParams(), workspace, workspace.output("validate"), record)


def accepted(workspace: Workspace) -> list[int]:
    return pd.read_parquet(workspace.output("validate") / "clips.parquet")["clip"].tolist()


def rejected(workspace: Workspace) -> pd.DataFrame:
    return pd.read_parquet(workspace.output("validate") / "rejected.parquet")


def test_good_data_passes_whole(tmp_path: Path) -> None:
    data = dataset()
    workspace = written(tmp_path, data)
    result = run(workspace)
    assert (result.clips, result.clips_rejected, result.tracks, result.tracks_rejected) == (8, 0, 8, 0)
    table = pd.read_parquet(workspace.output("validate") / "clips.parquet")
    assert list(table.columns) == list(data[1].columns)
    assert table["end_s"].isna().sum() == 4
    quality = json.loads((workspace.output("validate") / "quality.json").read_text())
    assert [s["suite"] for s in quality["suites"]] == ["clips", "tracks"]
    assert (workspace.output("validate") / "docs" / "index.html").is_file()
    html = (workspace.output("validate") / "exploration.html").read_text()
    assert "Drawn clips" in html
    assert "passed all" in html


def test_faulty_rows_are_left_out_with_the_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    media, clips, labelled, tracks = dataset()
    labelled.loc[2, ["status", "reason"]] = "quarantined", "cannot be decoded"
    far = person()
    far.xy[:] += 500
    tracks[3] = medium(tracks[3].medium, far)
    tracks[4] = medium(tracks[4].medium, person(0), person(1, poses=3))
    recorded: list[pd.DataFrame] = []
    workspace = written(tmp_path, (media, clips, labelled, tracks[:2] + tracks[3:]))
    result = run(workspace, recorded)
    assert accepted(workspace) == [1, 2, 5, 6, 7, 8]
    assert (result.clips_rejected, result.tracks_rejected) == (2, 2)
    rows = rejected(workspace)
    assert recorded[0].equals(rows)
    found = {
        (r.what, None if pd.isna(r.clip) else r.clip, None if pd.isna(r.person) else r.person)
        for r in rows.itertuples()
    }
    assert found == {("clip", 3, None), ("clip", 4, None), ("track", None, 0), ("track", None, 1)}
    reasons = rows.set_index("clip")["reason"]
    assert reasons[3].endswith("(because cannot be decoded)")
    assert "somebody who passed the checks is in the clip" in reasons[4]


def test_a_set_of_one_activity_stops_with_what_to_do_and_leaves_the_report(tmp_path: Path) -> None:
    media, clips, labelled, tracks = dataset()
    workspace = written(tmp_path, (media, clips.assign(activity="walk"), labelled, tracks))
    with pytest.raises(QualityError, match=r"at least two activities, observed 1, .* add clips of a second activity"):
        run(workspace)
    assert "at least two activities" in (workspace.output("validate") / "exploration.html").read_text()
    assert json.loads((workspace.output("validate") / "quality.json").read_text())["suites"]


def test_kept_surveys_give_what_a_whole_run_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run measures no track again; one more medium is measured with those of its shard."""
    measured: list[str] = []

    def counted(medium: str, *arguments: Any) -> TrackFacts:
        measured.append(medium)
        return track_facts(medium, *arguments)

    monkeypatch.setattr(track_survey, "track_facts", counted)
    media, clips, labelled, tracks = dataset()
    tracks[4] = medium(tracks[4].medium, person(0), person(1, poses=3))
    workspace = written(tmp_path, (media, clips, labelled, tracks))
    write_shards(workspace.output("label"), tracks, shard_rows=50)
    shards = len(shard_paths(workspace.output("label")))
    assert shards > 2

    def content() -> tuple[validate.ValidateResult, pd.DataFrame, list[int], str]:
        result = run(workspace)
        html = (workspace.output("validate") / "exploration.html").read_text()
        return result, rejected(workspace), accepted(workspace), re.sub(r'id="[^"]*"|#[0-9a-z]{6,}', "", html)

    first = content()
    assert len(measured) == 9
    measured.clear()
    kept = sorted(workspace.cache("validate").iterdir())
    again = content()
    assert measured == []
    assert len(kept) == shards
    for one, other in zip(first, again, strict=True):
        assert one.equals(other) if isinstance(one, pd.DataFrame) else one == other
    kept[0].write_text("{")
    assert content()[0] == first[0]
    assert 0 < len(measured) < 9
    measured.clear()
    changed = tracks[7].medium
    write_shards(workspace.output("label"), [*tracks[:7], medium(changed, person(5))], shard_rows=50)
    run(workspace)
    assert changed in measured
    assert len(measured) < 9
    (holding,) = (path for path in workspace.cache("validate").iterdir() if changed in path.read_text())
    assert found_in(holding, Needles(frozenset({changed})))


def test_unlabelled_clips_pass(tmp_path: Path) -> None:
    media, clips, labelled, tracks = dataset()
    clips["activity"] = clips["activity"].where(clips["clip"] > 2)
    workspace = written(tmp_path, (media, clips, labelled, tracks))
    assert run(workspace).clips == 8
    assert accepted(workspace) == list(range(1, 9))


def test_a_subject_in_both_official_splits_stops_the_run(tmp_path: Path) -> None:
    media, clips, labelled, tracks = dataset()
    clips.loc[6, "subject"] = "s0"
    with pytest.raises(QualityError, match=r"no subject is in more than one official split, observed 2 for subject s0"):
        run(written(tmp_path, (media, clips, labelled, tracks)))


def test_a_clip_in_which_nobody_is_seen_is_left_out(tmp_path: Path) -> None:
    media, clips, labelled, tracks = dataset()
    media = pd.concat([media, media.tail(1).assign(medium="f" * 64)], ignore_index=True)
    labelled = pd.concat([labelled, labelled.tail(1).assign(medium="f" * 64)], ignore_index=True)
    clips = pd.concat([clips, clips.tail(1).assign(medium="f" * 64, clip=9, end_s=np.nan)], ignore_index=True)
    workspace = written(tmp_path, (media, clips, labelled, [*tracks, medium("f" * 64)]))
    assert run(workspace).reasons == {
        "somebody who passed the checks is in the clip, for at least five poses: poses 0, allowed at least 5": 1
    }
    assert rejected(workspace)["clip"].tolist() == [9]


def test_without_any_track_the_run_stops_and_says_where_to_look(tmp_path: Path) -> None:
    media, clips, labelled, _ = dataset()
    with pytest.raises(QualityError, match="nobody was found in any medium"):
        run(written(tmp_path, (media, clips, labelled, [])))
