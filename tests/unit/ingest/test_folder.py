from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from posemill.errors import InputError
from posemill.ingest.entry import Entry
from posemill.ingest.folder import entries
from posemill.ingest.manifest import read_manifest


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a_folder_gives_its_videos_and_nothing_hidden(tmp_path: Path) -> None:
    home = tmp_path / "videos"
    touch(home, "b/two.MOV", "a/one.mp4", "notes.txt", ".hidden.mp4", ".cache/three.mp4", "four.webm")
    found = entries([home], subject="anna")
    assert [e.source for e in found] == ["videos/a/one.mp4", "videos/b/two.MOV", "videos/four.webm"]
    assert found[0] == Entry(home / "a/one.mp4", "videos/a/one.mp4", subject="anna")
    assert [e.activity for e in entries([home], activity_from_folder=True)] == ["a", "b", "videos"]


def test_every_wrong_path_is_told_at_once(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt", "empty/readme.md")
    with pytest.raises(InputError) as caught:
        entries([tmp_path / "gone.mp4", tmp_path / "notes.txt", tmp_path / "empty"])
    for part in ("gone.mp4 does not exist", "notes.txt is neither a video", "empty holds no video"):
        assert part in str(caught.value)


def test_a_manifest_says_what_stretches_show(tmp_path: Path) -> None:
    touch(tmp_path, "v/a.mp4", "v/b.mp4")
    path = tmp_path / "list.csv"
    path.write_text("path,start_s,end_s,activity,subject\nv/a.mp4,0,2.5,squat,s1\nv/a.mp4,2.5,,,\nv/b.mp4,,,sit,\n")
    a, b = tmp_path / "v/a.mp4", tmp_path / "v/b.mp4"
    assert entries([path], activity="wave", camera="c1") == [
        Entry(a, "v/a.mp4", 0.0, 2.5, "squat", "s1", "c1"),
        Entry(a, "v/a.mp4", 2.5, None, "wave", None, "c1"),
        Entry(b, "v/b.mp4", 0.0, None, "sit", None, "c1"),
    ]


def test_a_parquet_manifest_is_the_same(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    pl.DataFrame({"path": ["a.mp4"], "start_s": [1.5], "end_s": [None], "split": ["test"]}).write_parquet(
        tmp_path / "list.parquet"
    )
    assert read_manifest(tmp_path / "list.parquet") == [Entry(tmp_path / "a.mp4", "a.mp4", 1.5, None, split="test")]


def test_all_faults_of_a_manifest_are_told_by_row(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    path = tmp_path / "list.csv"
    path.write_text(
        "path,start_s,end_s,activity,split\na.mp4,5,2,squat,\ngone.mp4,x,,squat,\n,0,1,sit,validation\n"
        "a.mp4,0,1,sit,\na.mp4,0,1,stand,\na.mp4,nan,,sit,\n"
    )
    with pytest.raises(InputError) as caught:
        read_manifest(path)
    for part in (
        "row 2: end_s 2 is not after start_s 5",
        "row 3: no file gone.mp4",
        "row 3: start_s 'x' is not a number",
        "row 4: no path",
        "row 4: split 'validation' is none of train, test",
        "rows 5 and 6 say different things",
        "row 7: start_s 'nan'",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("file,activity\na.mp4,sit\n", "unknown column file; a manifest has path"),
        ("activity\nsit\n", "no column 'path'"),
        ("path\n", "it has no rows"),
        ("", "is not a readable .csv table"),
    ],
)
def test_a_table_that_is_no_manifest_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(InputError, match=told):
        read_manifest(tmp_path / "list.csv")
