from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from posemill.errors import InputError
from posemill.ingest.entry import Entry
from posemill.ingest.folder import entries, scan
from posemill.ingest.manifest import read_manifest
from posemill.video.encode import VideoWriter


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


def test_what_is_left_out_is_said_once_with_its_reason(tmp_path: Path) -> None:
    home = tmp_path / "mixed"
    touch(home, "a.mp4", "notes.txt", "photo.JPG", "anim.gif", ".hidden.mp4", "sub/b.bin", "code.py")
    touch(tmp_path, "elsewhere/c.mp4")
    (home / "linked").symlink_to(tmp_path / "elsewhere")
    (home / "gone.txt").symlink_to(tmp_path / "nothing")
    (home / "gone.ts").symlink_to(tmp_path / "nothing")  # has the name of a video: adding says what is wrong with it
    os.mkfifo(home / "pipe")
    found = scan([home])
    assert [e.source for e in found.entries] == ["mixed/a.mp4", "mixed/gone.ts"]
    left_out = found.left_out
    assert set(left_out) == {
        f"mixed/{name}"
        for name in (
            "notes.txt",
            "photo.JPG",
            "anim.gif",
            ".hidden.mp4",
            "sub/b.bin",
            "code.py",
            "linked",
            "gone.txt",
            "pipe",
        )
    }
    assert left_out["mixed/photo.JPG"] == left_out["mixed/anim.gif"] == "it is a picture"
    assert "link to a folder" in left_out["mixed/linked"]
    assert "link to nothing" in left_out["mixed/gone.txt"]
    assert "named pipe" in left_out["mixed/pipe"]
    assert "not a video" in left_out["mixed/notes.txt"]


def test_a_folder_without_videos_gives_its_pictures(tmp_path: Path) -> None:
    home = tmp_path / "photos"
    touch(home, "tree/a.jpg", "tree/b.PNG", "chair/c.webp", "chair/anim.gif", "notes.txt")
    found = scan([home], activity_from_folder=True)
    assert [(e.source, e.activity) for e in found.entries] == [
        ("photos/chair/c.webp", "chair"),
        ("photos/tree/a.jpg", "tree"),
        ("photos/tree/b.PNG", "tree"),
    ]
    assert set(found.left_out) == {"photos/chair/anim.gif", "photos/notes.txt"}
    assert [e.source for e in scan([home / "tree" / "a.jpg"]).entries] == ["a.jpg"]


def test_what_can_be_decoded_is_taken_whatever_its_ending(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 25, 64, 48) as writer:
        for level in range(5):
            writer.write(np.full((48, 64, 3), 40 * level, np.uint8))
    for name in ("recording", "clip.dat", "clip.bin.1", "x.3g2"):
        (tmp_path / name).write_bytes((tmp_path / "v.mp4").read_bytes())
    found = scan([tmp_path])
    assert len(found.entries) == 5
    assert found.left_out == {}
    assert [e.source for e in scan([tmp_path / "clip.dat"]).entries] == ["clip.dat"]


@pytest.mark.material
def test_a_mixed_folder_of_the_cases(cases: Path) -> None:
    found = scan([cases / "13-folder-leaves-videos-out" / "mixed"])
    taken = {e.path.name for e in found.entries}
    assert {"asf.asf", "old.3g2", "vob.vob", "xvid.avi"} <= taken
    assert {name.split("/")[-1] for name in found.left_out} == {"anim.gif", "mxf.mxf", "linked"}


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


@pytest.mark.parametrize("name", ["x" * 5000 + ".mp4", "a/" * 3000])
def test_a_manifest_with_a_name_that_no_file_can_have_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"path\n{name}\n")
    with pytest.raises(InputError, match=r"row 2: no file [xa]"):
        read_manifest(tmp_path / "list.csv")


def manifest(folder: Path, text: str) -> list[Entry]:
    touch(folder, "a.mp4", "b.mp4", "caf\u00e9.mp4", "sub/c.mp4")
    (folder / "clips.csv").write_text(text)
    return read_manifest(folder / "clips.csv")


@pytest.mark.parametrize("written", ["cafe\u0301 corner", "caf\u00e9\u00a0corner", " caf\u00e9  corner\u200b"])
def test_names_that_look_alike_are_alike(written: str, tmp_path: Path) -> None:
    assert [e.activity for e in manifest(tmp_path, f"path,activity\na.mp4,{written}\n")] == ["caf\u00e9 corner"]
    touch(tmp_path / "videos", f"{written}/d.mp4")
    assert [e.activity for e in entries([tmp_path / "videos"], activity_from_folder=True)] == ["caf\u00e9 corner"]


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "videos", os.fsdecode(b"marche\xe9") + "/d.mp4")
    with pytest.raises(InputError, match="characters that are no text"):
        entries([tmp_path / "videos"], activity_from_folder=True)


@pytest.mark.parametrize(("claim", "one", "other"), [("activity", "Walk", "walk"), ("subject", "anna", "Anna")])
def test_names_that_differ_by_capitals_are_a_slip(claim: str, one: str, other: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"rows 2 and 3 have the {claim} '{one}' and '{other}': spell them alike"):
        manifest(tmp_path, f"path,{claim}\na.mp4,{one}\nb.mp4,{other}\n")


def test_numbers_that_became_floats_are_the_same_people(tmp_path: Path) -> None:
    """pandas makes floats of whole numbers once a cell is empty: 7 and 7.0 are one person."""
    found = manifest(tmp_path, "path,subject\na.mp4,7.0\nb.mp4,\n")
    assert [e.subject for e in found] == ["7", None]
    assert [e.subject for e in manifest(tmp_path, "path,subject\na.mp4,007\nb.mp4,1.5\n")] == ["007", "1.5"]
    pl.DataFrame({"path": ["a.mp4", "b.mp4"], "subject": [7.0, None]}).write_parquet(tmp_path / "clips.parquet")
    assert [e.subject for e in read_manifest(tmp_path / "clips.parquet")] == ["7", None]


def test_files_by_other_spellings_of_their_path(tmp_path: Path) -> None:
    found = manifest(tmp_path, "path,activity\ncafe\u0301.mp4,walk\nsub\\c.mp4,walk\n,\n")
    assert [e.path.relative_to(tmp_path.resolve()).as_posix() for e in found] == ["caf\u00e9.mp4", "sub/c.mp4"]
