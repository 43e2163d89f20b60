"""edge.json: what is missing, changed or added is told before it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from posemill.edge.device import require_processor
from posemill.edge.manifest import FILE, read_manifest, write_manifest
from posemill.errors import CheckpointError, InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib" / "a").mkdir(parents=True)
    (tmp_path / "lib" / "a" / "b.py").write_text("x = 1\n")
    (tmp_path / "model.onnx").write_bytes(b"network")
    write_manifest(tmp_path, {"classes": ["sit"]})
    return tmp_path


def test_a_whole_folder(folder: Path) -> None:
    content = read_manifest(folder)
    assert content["classes"] == ["sit"]
    assert sorted(content["files"]) == ["lib/a/b.py", "model.onnx"]
    (folder / ".venv").mkdir()
    (folder / ".venv" / "x").write_text("")
    (folder / "lib" / "a" / "__pycache__").mkdir()
    (folder / "lib" / "a" / "__pycache__" / "b.pyc").write_text("")
    (folder / "notes.txt").write_text("of the owner")
    assert read_manifest(folder) == content


def test_faults(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"edge.json: SHA-256 should be 00"):
        read_manifest(folder, "00")
    (folder / "lib" / "a" / "evil.py").write_text("")
    with pytest.raises(CheckpointError, match=r"lib/a/evil.py does not belong there"):
        read_manifest(folder)
    (folder / "lib" / "a" / "evil.py").unlink()
    (folder / "model.onnx").write_bytes(b"Network")
    (folder / "lib" / "a" / "b.py").unlink()
    with pytest.raises(CheckpointError, match=r"b.py is missing; model.onnx should have SHA-256.*copy the export"):
        read_manifest(folder)
    (folder / FILE).write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        read_manifest(folder)
    (folder / FILE).unlink()
    with pytest.raises(CheckpointError, match="posemill export edge"):
        read_manifest(folder)


def test_processors(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor : 0\nflags : fpu sse4_2 avx2\n")
    assert require_processor(cpuinfo, "x86_64") is None
    cpuinfo.write_text("processor : 0\nflags : fpu sse4_2\n")
    assert "no AVX2" in str(require_processor(cpuinfo, "x86_64"))
    cpuinfo.write_text("processor : 0\nflags : fpu\n")
    with pytest.raises(InputError, match=r"no SSE4.2"):
        require_processor(cpuinfo, "x86_64")
    assert require_processor(cpuinfo, "aarch64") is None
