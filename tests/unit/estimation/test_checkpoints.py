"""Checkpoints: what is refused, and what the refusal says."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from posemill.errors import CheckpointError, Unavailable
from posemill.estimation.backends.openpifpaf import checkpoints
from posemill.estimation.backends.openpifpaf.backend import OpenPifPafBackend
from posemill.estimation.backends.openpifpaf.checkpoints import load_checkpoint
from posemill.estimation.backends.openpifpaf.library import openpifpaf
from posemill.params.label import LabelParams

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
        assert url.startswith("https://"), "OpenPifPaf's own list has http"
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


def tracking_network(*datasets: str) -> Any:
    """Random weights in the form of tshufflenetv2k30: pairs of frames, and three heads for every data set."""
    torch.manual_seed(0)
    nets, plugins = openpifpaf.network, openpifpaf.plugins
    base = nets.basenetworks.ShuffleNetV2K("tiny", [1, 1, 1], [24, 32, 48, 64, 64])
    known = {"cocokpst": plugins.posetrack.CocoKpSt, "posetrack2018": plugins.posetrack.Posetrack2018}
    metas = [meta for name in datasets for meta in known[name]().head_metas]
    heads = [openpifpaf.HEADS[type(meta)](meta, base.out_features) for meta in metas]
    shell = nets.nets.Shell(nets.tracking_base.TrackingBase(base), heads).eval()
    for module in shell.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2.0)
    return shell


@pytest.fixture
def _own_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tcaf heads share layers through their class; another network's must not see those of this test."""
    for name in ("_global_feature_reduction", "_global_feature_compute"):
        monkeypatch.setattr(openpifpaf.network.tracking_heads.Tcaf, name, None)


@pytest.mark.usefixtures("_own_layers")
@pytest.mark.parametrize("datasets", [("cocokpst",), ("posetrack2018", "cocokpst")])
def test_of_a_tracking_network_what_it_says_of_one_frame_is_taken(tmp_path: Path, datasets: tuple[str, ...]) -> None:
    made = tracking_network(*datasets)
    path = tmp_path / "tshufflenetv2k30.pkl"
    torch.save({"model": made, "epoch": 0}, path)
    checkpoint = load_checkpoint(str(path), None, tmp_path)
    picture = torch.rand(1, 3, 65, 97)
    openpifpaf.network.heads.CompositeField4.inplace_ops = False
    with torch.inference_mode():
        made(torch.rand(1, 3, 65, 97))  # the frame before
        whole, found = made(picture), checkpoint.shell(picture)
    first = 3 * datasets.index("cocokpst")
    assert len(whole) == 3 * len(datasets)
    assert len(found) == 2
    for field, wanted in zip(found, whole[first : first + 2], strict=True):
        torch.testing.assert_close(field, wanted)
    assert checkpoint.heads.edges == tuple((a - 1, b - 1) for a, b in made.head_metas[first + 1].skeleton)


@pytest.mark.usefixtures("_own_layers")
def test_a_tracking_checkpoint_finds_poses_through_every_step(tmp_path: Path) -> None:
    path = tmp_path / "tracking.pkl"
    torch.save({"model": tracking_network("cocokpst"), "epoch": 0}, path)
    params = LabelParams(checkpoint=str(path), runtime="eager", long_edge_px=129)
    backend = OpenPifPafBackend(load_checkpoint(str(path), None, tmp_path), params, tmp_path)
    images = [np.random.default_rng(n).integers(0, 255, (60, 90, 3), np.uint8) for n in (0, 1)]
    one, other = backend.poses(images)
    again = backend.poses(images[::-1])  # nothing of the frame before
    for a, b in zip([*one, *other], [*again[1], *again[0]], strict=True):
        np.testing.assert_array_equal(a.xy, b.xy)


@pytest.mark.usefixtures("_own_layers")
def test_a_tracking_network_for_other_keypoints_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "posetrack.pkl"
    torch.save({"model": tracking_network("posetrack2018"), "epoch": 0}, path)
    with pytest.raises(CheckpointError, match="other than COCO's 17"):
        load_checkpoint(str(path), None, tmp_path)


def test_the_tracking_checkpoint_is_known_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(url: str, timeout: float) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(checkpoints.urllib.request, "urlopen", away)
    with pytest.raises(
        Unavailable, match=r"tshufflenetv2k30 cannot be downloaded .*3d734bb8\.pkl, or use the embedded"
    ):
        load_checkpoint("tshufflenetv2k30", None, tmp_path)
