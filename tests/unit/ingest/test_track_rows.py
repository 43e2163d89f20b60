"""Tables of tracks as people hand them on: what has a clear meaning is read, the rest is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from made_up_tracks import made_up
from posemill.errors import InputError
from posemill.formats.table import write_tables
from posemill.ingest.datasets.table import TableDefaults, sequences, unread_columns
from posemill.ingest.sequence import Fault, Sequence
from posemill.pose.skeleton import BODY_12

TOLD = TableDefaults("set", 320, 240, 25.0)
FRAMES = 6


def table(**columns: object) -> pl.DataFrame:
    """Somebody of 24 x 22 pixels who moves right by a pixel a frame, in the middle of the picture."""
    places = {
        f"{name}_{axis}": [float(2 * k + (100 + t if axis == "x" else 150)) for t in range(FRAMES)]
        for k, name in enumerate(BODY_12.keypoints)
        for axis in "xy"
    }
    return pl.DataFrame({"medium": ["m"] * FRAMES, "frame": list(range(FRAMES))} | places | columns)


def read(rows: pl.DataFrame, folder: Path, told: TableDefaults = TOLD) -> Sequence:
    rows.write_parquet(folder / "t.parquet")
    (found,) = sequences(folder / "t.parquet", told)
    if isinstance(found, Fault):
        raise InputError(found.reason)
    return found


def confidences(ending: str, names: tuple[str, ...] = BODY_12.keypoints) -> dict[str, list[float]]:
    return {f"{name}_{ending}": [0.25] * FRAMES for name in names}


@pytest.mark.parametrize("ending", ["confidence", "score", "likelihood", "conf", "visibility"])
def test_a_confidence_by_any_of_its_names(ending: str, tmp_path: Path) -> None:
    (track,) = read(table(**confidences(ending)), tmp_path).tracks.tracks
    assert (track.confidence == 0.25).all()


def test_a_confidence_of_some_keypoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"11 of 12 keypoints have a column <keypoint>_confidence, and left_shoulder"):
        read(table(**confidences("confidence", BODY_12.keypoints[1:])), tmp_path)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([-1, 0, 1, 2, 3, 4], "frame -1 is no whole number from 0"),
        ([0, 1, 2, 3.5, 4, 5], r"frame 3\.5 is no whole number"),
        ([0, 1, None, 3, 4, 5], "1 of 6 rows have no frame number"),
        ([f"frame_{n}.jpg" for n in range(6)], "'frame_0.jpg' is no number"),
    ],
)
def test_what_is_no_frame_number(frames: list[object], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read(table(frame=pl.Series(frames, strict=False)), tmp_path)


def test_frames_may_be_floats_and_out_of_order(tmp_path: Path) -> None:
    (track,) = read(table(frame=[5.0, 3.0, 1.0, 0.0, 2.0, 4.0]), tmp_path).tracks.tracks
    assert track.frame.tolist() == [0, 1, 2, 3, 4, 5]
    assert track.xy[:, 0, 0].tolist() == [103, 102, 104, 101, 105, 100]


@pytest.mark.parametrize(
    ("people", "numbers"),
    [
        (["b", "a", "b", "a", "b", "a"], {0: [1, 3, 5], 1: [0, 2, 4]}),
        ([1.5, 1.25, 1.5, 1.25, 1.5, 1.25], {0: [1, 3, 5], 1: [0, 2, 4]}),
        ([7, 3, 7, 3, 7, 3], {3: [1, 3, 5], 7: [0, 2, 4]}),
        ([2.0, 1.0, 2.0, 1.0, 2.0, 1.0], {1: [1, 3, 5], 2: [0, 2, 4]}),
        ([2**40, 5, 2**40, 5, 2**40, 5], {0: [0, 2, 4], 1: [1, 3, 5]}),
    ],
)
def test_people_by_number_or_name(people: list[object], numbers: dict[int, list[int]], tmp_path: Path) -> None:
    found = read(table(person=people), tmp_path).tracks.tracks
    assert {track.person: track.frame.tolist() for track in found} == numbers


def test_a_row_of_nobody_and_a_row_of_no_medium(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 of 6 rows have no person"):
        read(table(person=[0, 0, None, 0, 0, 0]), tmp_path)
    with pytest.raises(InputError, match="2 of 6 rows have no medium"):
        read(table(medium=["m", None, None, "m", "m", "m"]), tmp_path)


@pytest.mark.parametrize(
    "columns",
    [
        {"time_ms": [0, 40, 80, 120, 160, 220]},
        {"timestamp_ms": [0, 40, 80, 120, 160, 220]},
        {"time_s": pl.Series([0, 40, 80, 120, 160, 220]).cast(pl.Duration("ms"))},
        {"time_s": [0.0, 0.04, 0.08, 0.12, 0.16, 0.22]},
    ],
)
def test_times_in_seconds_or_milliseconds(columns: dict[str, object], tmp_path: Path) -> None:
    (track,) = read(table(**columns), tmp_path).tracks.tracks
    np.testing.assert_allclose(track.time_s, [0, 0.04, 0.08, 0.12, 0.16, 0.22])


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([40 * n for n in range(6)], r"goes on by 200 from frame 0 to 5, which is 0\.2 s at 25"),
        ([0.1 * n for n in range(6)], r"goes on by 0\.5 from frame 0 to 5"),
        ([1.7e9 + 0.04 * n for n in range(6)], r"of frame 0 is 1\.7e\+09"),
        (pl.Series([40 * n for n in range(6)]).cast(pl.Datetime("ms")), "a date or a time of day"),
    ],
)
def test_times_that_the_frame_rate_contradicts(times: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        read(table(time_s=times), tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        pl.col("^.*_x$") + 320,  # of a larger picture
        pl.col("^.*_y$") * -1,  # upwards
        pl.col("^.*_[xy]$") - 170,  # from the middle
    ],
)
def test_people_beside_the_picture_belong_to_another_one(change: pl.Expr, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which is outside of the picture of 320x240"):
        read(table().with_columns(change), tmp_path)


def test_somebody_may_leave_the_picture(tmp_path: Path) -> None:
    """One pose of six is beyond the edge; and a limb is guessed there in all of them."""
    leaving = table().with_columns(
        pl.when(pl.col("frame") == 5).then(pl.col(f"{k}_x") + 300).otherwise(pl.col(f"{k}_x")).alias(f"{k}_x")
        for k in BODY_12.keypoints
    )
    leaving = leaving.with_columns(left_wrist_x=-40.0)
    (track,) = read(leaving, tmp_path).tracks.tracks
    assert len(track) == FRAMES


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "NA", "N/A", "#N/A", "<NA>", "None", "null", "NULL", "-"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_number_that_is_not_there(nothing: str, separator: str, tmp_path: Path) -> None:
    rows = table().with_columns(pl.col("left_hip_x", "left_hip_y").cast(pl.String))
    rows = rows.with_columns(
        pl.when(pl.col("frame") == 2).then(pl.lit(nothing)).otherwise(pl.col(n)).alias(n)
        for n in ("left_hip_x", "left_hip_y")
    )
    rows.write_csv(tmp_path / "t.csv", separator=separator)
    (found,) = sequences(tmp_path / "t.csv", TOLD)
    assert isinstance(found, Sequence)
    (track,) = found.tracks.tracks
    assert np.argwhere(np.isnan(track.xy[..., 0])).tolist() == [[2, BODY_12.index("left_hip")]]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_and_the_line_that_says_the_separator(separator: str, tmp_path: Path) -> None:
    plain = table().with_columns(pl.col("^.*_[xy]$") + 0.25).write_csv(separator=separator)
    (tmp_path / "t.csv").write_text(f"sep={separator}\n{plain.replace('.', ',')}")
    (found,) = sequences(tmp_path / "t.csv", TOLD)
    assert isinstance(found, Sequence)
    assert found.tracks.tracks[0].xy[0, 0].tolist() == [100.25, 150.25]


def test_blank_lines_are_passed_over_and_a_cut_row_is_refused(tmp_path: Path) -> None:
    whole = table().write_csv()
    (tmp_path / "t.csv").write_text(whole.replace("\n", "\n\n"))
    (found,) = sequences(tmp_path / "t.csv", TOLD)
    assert isinstance(found, Sequence)
    assert found.tracks.frames == FRAMES
    (tmp_path / "t.csv").write_text(whole[: whole.rindex(",107.0")])
    with pytest.raises(InputError, match="cut off: its last row has 4 cells, and its header 26"):
        next(sequences(tmp_path / "t.csv", TOLD))


def test_tracks_of_a_file_are_checked_as_imports_are(tmp_path: Path) -> None:
    """read_media is for tracks that nothing imports: `posemill app`, notebooks."""
    from dataclasses import replace

    from posemill import read_media, write_tracks

    tracks = made_up(1)
    shares = tuple(replace(t, xy=t.xy / np.nanmax(t.xy)) for t in tracks.tracks)
    for moved, words in (
        (replace(tracks, tracks=shares), "no pixels but shares of the picture"),
        (replace(tracks, width_px=8, height_px=6), "outside of the picture of 8x6"),
    ):
        write_tracks(moved, tmp_path / "t.json", "coco")
        with pytest.raises(InputError, match=words):
            read_media(tmp_path / "t.json")


def test_columns_that_play_no_part_are_named(tmp_path: Path) -> None:
    rows = table(nose_z=0.0, note="x", fps=25.0, activity="walk", time_ms=0, **confidences("score"))
    rows.write_csv(tmp_path / "t.csv")
    assert list(unread_columns(tmp_path / "t.csv", TOLD)) == ["column 'nose_z'", "column 'note'"]
    write_tables(tmp_path / "exported", [made_up(1)], "csv")
    assert unread_columns(tmp_path / "exported", TOLD) == {}
