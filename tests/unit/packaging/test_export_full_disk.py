"""A network that OpenVINO cannot write: the disk's own reason, and nothing left under the name."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from chaos import shim
from posemill.errors import PosemillError
from posemill.packaging import export

FAILING = """
import sys
from pathlib import Path
import numpy as np
from chaos.shim import FAIL, WritePoint
from posemill.packaging.export import openvino, save_openvino
library, folder = openvino(), Path(sys.argv[1])
given = library.op.Parameter(library.Type.f32, library.Shape([1, 64]))
weights = library.op.Constant(np.ones((64, 64), np.float32))
graph = library.Model([library.opset13.matmul(given, weights, False, False)], [given])
save_openvino(graph, folder / "sound.xml")
for nth in (1, 2):
    WritePoint(str(folder), nth, FAIL, int(sys.argv[2])).arm()
    try:
        save_openvino(graph, folder / "network.xml")
    except OSError as exc:
        print(exc.errno)
"""


def test_a_full_disk_is_told_by_its_number(tmp_path: Path) -> None:
    library = shim.compiled()
    if library is None:
        pytest.skip("no C compiler on this machine for the library that makes writes fail")
    env = os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", FAILING, str(tmp_path), str(errno.ENOSPC)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == [str(errno.ENOSPC)] * 2, done.stderr
    assert sorted(path.name for path in tmp_path.glob("sound.*")) == ["sound.bin", "sound.xml"]


def test_another_fault_of_openvino_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_model(graph: object, path: Path, compress_to_fp16: bool) -> None:
        path.write_text("half")
        raise RuntimeError("Check failed:\n  no such operation")

    monkeypatch.setattr(export, "openvino", lambda: SimpleNamespace(save_model=save_model))
    with pytest.raises(PosemillError, match=r"OpenVINO does not write .*a\.xml: Check failed: no such operation"):
        export.save_openvino(SimpleNamespace(get_ops=list), tmp_path / "a.xml")
    assert not list(tmp_path.iterdir())
