"""The canonical ZIP: other programs read it, large members are ZIP64, names that leave the folder are refused."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.errors import InputError
from posemill.handover.archive import write_bundle
from posemill.handover.unpack import unpack
from posemill.handover.verifier import container
from posemill.handover.verifier.container import DEFLATED, STORED, Damaged, Member, read_members

LARGE = 5 << 32


def written(folder: Path, out: Path) -> list[Member]:
    write_bundle(folder, out, {}, lambda _: b"signature")
    return read_members(out)


def test_other_programs_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "Größe 日本.txt").write_text("text " * 100)
    (folder / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "empty").touch()
    members = {m.name: m for m in written(folder, tmp_path / "x.zip")}
    assert (members["a/b/Größe 日本.txt"].method, members["run"].method) == (DEFLATED, STORED)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.testzip() is None
        assert archive.read("a/b/Größe 日本.txt") == b"text " * 100
        assert [info.external_attr >> 16 & 0o777 for info in archive.infolist() if info.filename == "run"] == [0o755]
    command = [sys.executable, "-m", "zipfile", "-e", str(tmp_path / "x.zip"), str(tmp_path / "out")]
    subprocess.run(command, check=True)
    assert (tmp_path / "out" / "empty").read_bytes() == b""


def test_equal_folders_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content " * 20)
        written(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@given(st.dictionaries(st.text("abcxyz", min_size=1, max_size=5), st.binary(max_size=300), max_size=6))
@settings(max_examples=25, deadline=None)
def test_unpacking_gives_back_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    root = tmp_path_factory.mktemp("files")
    (root / "folder").mkdir()
    for name, content in files.items():
        (root / "folder" / name).write_bytes(content)
    written(root / "folder", root / "x.zip")
    unpack(root / "x.zip", root / "out")
    assert {n: (root / "out" / n).read_bytes() for n in files} == files


@pytest.mark.parametrize(
    "member",
    [
        Member("small", STORED, 7, 10, 10, False, 0),
        Member("large", STORED, 7, LARGE, LARGE, False, 3),
        Member("behind", DEFLATED, 7, 10, 90, True, LARGE),
        Member("edge", STORED, 7, 0xFFFFFFFF, 0xFFFFFFFF, False, 0),
    ],
)
def test_directory_entries_of_any_size_are_read_back(member: Member) -> None:
    assert container._entry(container.central_header(member), 0)[0] == member


def test_a_directory_beyond_four_gigabytes_is_read_by_python(tmp_path: Path) -> None:
    """A file with a hole in front of the directory, which Python's own reader must find."""
    member = Member("x", STORED, 0, 0, 0, False, 0)
    directory, path = container.central_header(member), tmp_path / "x.zip"
    with path.open("wb") as file:
        file.write(container.local_header(member))
        file.seek(LARGE)
        file.write(directory + container.directory_end(1, len(directory), LARGE))
    assert zipfile.ZipFile(path).namelist() == ["x"]
    with pytest.raises(Damaged, match="directory"):  # a hole is no part of a bundle
        read_members(path)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../b", "a//b", "C:x", "a\\b", "./x"])
def test_names_that_leave_the_folder_are_refused(name: str, tmp_path: Path) -> None:
    member = Member(name, STORED, 0, 0, 0, False, 0)
    directory, path = container.central_header(member), tmp_path / "x.zip"
    end = container.directory_end(1, len(directory), member.end)
    path.write_bytes(container.local_header(member) + directory + end)
    with pytest.raises(InputError, match="no name of a file"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    first = Member("x", STORED, 0, 0, 0, False, 0)
    second = Member("x", STORED, 0, 0, 0, False, first.end)
    directory = container.central_header(first) + container.central_header(second)
    content = container.local_header(first) + container.local_header(second) + directory
    (tmp_path / "x.zip").write_bytes(content + container.directory_end(2, len(directory), second.end))
    with pytest.raises(Damaged, match="twice"):
        read_members(tmp_path / "x.zip")


def test_a_member_that_swells_beyond_its_size_is_stopped(tmp_path: Path) -> None:
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(50 << 20)) + packer.flush()
    member = Member("x", DEFLATED, 0, len(packed), 10, False, 0)
    directory, path = container.central_header(member), tmp_path / "x.zip"
    end = container.directory_end(1, len(directory), member.end)
    path.write_bytes(container.local_header(member) + packed + directory + end)
    with pytest.raises(InputError, match="size or checksum"):
        unpack(path, tmp_path / "out")
    assert (tmp_path / "out" / "x").stat().st_size <= 1 << 20
