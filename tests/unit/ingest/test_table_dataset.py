"""Tables of tracks: what posemill exports comes back, and what somebody else made is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from made_up_tracks import assert_same, made_up
from posemill.errors import InputError
from posemill.formats.table import write_tables
from posemill.ingest.datasets.table import TableDefaults, sequences
from posemill.ingest.sequence import Fault, Sequence
from posemill.pose.skeleton import BODY_12, PENN_13, Skeleton

TOLD = TableDefaults("set", 320, 240, 25.0)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_exported_tables_come_back_with_what_is_said_of_media(kind: str, tmp_path: Path) -> None:
    went = [made_up(1), made_up(2, points=PENN_13), made_up(3, people=1)]
    write_tables(tmp_path, went, kind)
    path = tmp_path / f"media.{kind}"
    media = pl.read_csv(path, schema_overrides={"medium": pl.String}) if kind == "csv" else pl.read_parquet(path)
    media = media.with_columns(activity=pl.lit("wave"), subject=pl.lit("anna"), split=pl.lit("test"))
    getattr(media, f"write_{kind}")(path)
    found = {s.name: s for s in sequences(tmp_path, TableDefaults("set"))}
    assert len(found) == 3
    for tracks in went:
        sequence = found[tracks.medium]
        assert (sequence.activity, sequence.subject, sequence.split) == ("wave", "set/anna", "test")
        assert_same(replace(sequence.tracks, medium=tracks.medium), tracks, xy=0, sure=0)


def plain(frames: int = 4, **columns: object) -> pl.DataFrame:
    """A table of body-12 with x = frame + k and y = 100 + k, and nothing that is not needed."""
    places = {
        f"{name}_{axis}": [float(k + (t if axis == "x" else 100)) for t in range(frames)]
        for k, name in enumerate(BODY_12.keypoints)
        for axis in "xy"
    }
    return pl.DataFrame({"medium": ["m"] * frames, "frame": list(range(frames))} | places | columns)


def test_one_plain_table(tmp_path: Path) -> None:
    table = plain(activity=["squat"] * 4, camera=["c"] * 4).with_columns(nose_x=5.0)
    table = table.with_columns(
        left_knee_x=pl.Series([1.0, None, 3.0, 4.0]), left_knee_y=pl.Series([1.0, None, 3.0, 4.0])
    )
    table.write_csv(tmp_path / "t.csv")
    (found,) = sequences(tmp_path / "t.csv", TOLD)
    assert (found.activity, found.camera, found.subject, found.split) == ("squat", "c", None, None)
    (track,) = found.tracks.tracks
    assert (found.tracks.skeleton, found.tracks.frames, found.tracks.duration_s) == (BODY_12, 4, 4 / 25)
    np.testing.assert_allclose(track.time_s, np.arange(4) / 25)
    np.testing.assert_array_equal(track.xy[2, 0], [2, 100])
    assert np.argwhere(np.isnan(track.xy[..., 0])).tolist() == [[1, BODY_12.index("left_knee")]]
    assert (track.confidence == ~np.isnan(track.xy[..., 0])).all()


@pytest.mark.parametrize(
    ("table", "told", "words"),
    [
        (plain(), TableDefaults("s", fps=25), "how large the picture is"),
        (plain(), TableDefaults("s", 320, 240), "how fast it runs"),
        (plain(activity=["a", "a", "b", "b"]), TOLD, "say different things of activity"),
        (plain(split=["dev"] * 4), TOLD, "split 'dev' is none of train, test"),
        (plain().with_columns(frame=pl.Series([0, 1, 1, 2])), TOLD, "must strictly increase"),
        (plain().with_columns(left_hip_x=pl.lit(None, pl.Float64)), TOLD, "finite in x and y, or NaN in both"),
        (plain(state=["seen"] * 4), TOLD, "SEEN"),
        (plain(time_s=["a", "b", "c", "d"]), TOLD, "conversion"),
    ],
)
def test_what_is_wrong_is_told_of_each(table: pl.DataFrame, told: TableDefaults, words: str, tmp_path: Path) -> None:
    good = plain(medium=["good"] * 4, width_px=[320] * 4, height_px=[240] * 4, fps=[9] * 4)
    pl.concat([table, good], how="diagonal").write_parquet(tmp_path / "t.parquet")
    fault, fine = sequences(tmp_path / "t.parquet", told)
    assert isinstance(fault, Fault)
    assert words in fault.reason
    assert isinstance(fine, Sequence)


def test_tables_that_cannot_be_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("medium,frame,nose_x,nose_y\nm,0,1,2\n")
    with pytest.raises(InputError, match="no skeleton has only keypoints among nose"):
        list(sequences(tmp_path / "t.csv", TOLD))
    plain().drop("left_hip_y").write_csv(tmp_path / "t.csv")
    with pytest.raises(InputError, match="has no column left_hip_y"):
        list(sequences(tmp_path / "t.csv", TOLD))
    (tmp_path / "t.parquet").write_text("no table")
    with pytest.raises(InputError, match="not a readable"):
        list(sequences(tmp_path / "t.parquet", TOLD))
    with pytest.raises(InputError, match="neither a table"):
        list(sequences(tmp_path, TOLD))


def test_a_skeleton_of_ones_own(tmp_path: Path) -> None:
    own = Skeleton("two-knees", ("left_knee", "right_knee"), (("left_knee", "right_knee"),), (), (0.1, 0.1))
    plain().write_csv(tmp_path / "t.csv")
    (found,) = sequences(tmp_path / "t.csv", replace(TOLD, skeleton=own))
    assert found.tracks.skeleton == own
    np.testing.assert_array_equal(found.tracks.tracks[0].xy[2], [[10, 108], [11, 109]])
    plain().drop("left_knee_x").write_csv(tmp_path / "u.csv")
    with pytest.raises(InputError, match="table of tracks of two-knees has no column left_knee_x"):
        list(sequences(tmp_path / "u.csv", replace(TOLD, skeleton=own)))
