"""Checkpoints: what is refused, and what the refusal says."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from posemill.errors import CheckpointError, Unavailable
from posemill.labelling.openpifpaf import checkpoints
from posemill.labelling.openpifpaf.checkpoints import load_checkpoint

ZEROS = "0" * 64


class Hostile:
    """Would write a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.target,))


def test_embedded(tmp_path: Path) -> None:
    checkpoint = load_checkpoint("posenet", None, tmp_path)
    assert [meta.n_fields for meta in checkpoint.shell.head_metas] == [17, 16]
    assert len(checkpoint.sha256) == 64


@pytest.mark.parametrize("name", ["posenet", "own"])
def test_a_wrong_digest_is_named(tmp_path: Path, name: str) -> None:
    if name == "own":
        name = str(tmp_path / "own.pkl")
        Path(name).write_bytes(b"weights")
    with pytest.raises(CheckpointError, match=f"should be {ZEROS}, came as"):
        load_checkpoint(name, ZEROS, tmp_path)


@pytest.mark.parametrize("form", ["archive", "plain"])
def test_a_hostile_pickle_is_refused_and_nothing_of_it_runs(tmp_path: Path, form: str) -> None:
    path, trace = tmp_path / "hostile.pkl", tmp_path / "trace"
    content = {"model": Hostile(trace), "epoch": 0}
    if form == "archive":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(CheckpointError, match=r"hostile\.pkl (is refused|is not an OpenPifPaf checkpoint)"):
        load_checkpoint(str(path), None, tmp_path)
    assert not trace.exists()


def test_harmless_weights_that_are_no_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "linear.pkl"
    torch.save({"model": torch.nn.Linear(2, 2), "epoch": 0}, path)
    with pytest.raises(CheckpointError, match="holds a Linear"):
        load_checkpoint(str(path), None, tmp_path)
    path.write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="not an OpenPifPaf checkpoint"):
        load_checkpoint(str(path), None, tmp_path)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="posenet, shufflenetv2k16"):
        load_checkpoint("shufflenet", None, tmp_path)


def test_an_official_checkpoint_that_cannot_be_reached_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(url: str, timeout: float) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(checkpoints.urllib.request, "urlopen", away)
    with pytest.raises(Unavailable, match=r"put the file at .*7189450a\.pkl, or use the embedded one"):
        load_checkpoint("shufflenetv2k16", None, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_download_of_other_bytes_is_refused_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "served"
    source.write_bytes(b"an error page")
    monkeypatch.setattr(checkpoints.urllib.request, "urlopen", lambda url, timeout: source.open("rb"))
    with pytest.raises(CheckpointError, match="should start with 7189450a"):
        load_checkpoint("shufflenetv2k16", None, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
