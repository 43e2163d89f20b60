"""Evaluation on Dask workers: batches of windows, perturbations and frame rates are tasks.

Every task computes what one machine would compute at that point, in batches of the same windows, so that figures are
the same where workers and the stage have as many threads. What a task needs travels through the exchange of the store.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from posemill.compute.dask_cluster import DaskCluster, scratch_folder
from posemill.errors import InputError
from posemill.evaluation.predict_fn import NetworkPredictFn, PredictFn
from posemill.evaluation.robustness.frame_rates import Change
from posemill.evaluation.robustness.perturbations import Condition, perturbed_probabilities
from posemill.features.pipeline import FeaturePipeline
from posemill.models.inference import Features, predict_logits
from posemill.pose.track import MediumTracks
from posemill.settings import Settings
from posemill.stages.held_out_clips import HeldOutClip
from posemill.stages.rewindow import verdicts
from posemill.store.exchange import Exchange

BATCHES = 16  # of a task
CHUNK = 1024  # windows in memory at a time
NETWORK = ("network.safetensors", "network.json")
FEATURES = "features.json"


@dataclass(frozen=True, slots=True)
class NetworkRef:
    """A network that a worker loads from the exchange.

    with_features  it answers its penultimate features too; score: name of its open-set score, "" = none.
    """

    run: str
    classes: tuple[str, ...]
    with_features: bool = False
    score: str = ""


@dataclass(frozen=True, slots=True)
class LogitsTask:
    """Part `number` of the windows that a network is asked about: (N, T, K, C) in the exchange under `name`."""

    network: NetworkRef
    number: int
    name: str
    batch_size: int


@dataclass(frozen=True, slots=True)
class PerturbationTask:
    """One kind and strength of perturbation of the windows under `name`."""

    network: NetworkRef
    name: str
    condition: Condition
    temperature: float
    batch_size: int


@dataclass(frozen=True, slots=True)
class FrameRateTask:
    """One change of the tracks under `name`, cut into windows again for these clips."""

    network: NetworkRef
    name: str
    label: str
    change: Change
    clips: tuple[HeldOutClip, ...]
    temperature: float
    batch_size: int


class RemoteEvaluation:
    """Predictions of a network for evaluation, made on workers.

    folder    of the network, as `evaluate.network` names it; features: the file of the feature pipeline.
    """

    def __init__(
        self, cluster: DaskCluster, exchange: Exchange, folder: Path, features: Path, classes: list[str]
    ) -> None:
        self._cluster, self._exchange = cluster, exchange
        self._network = NetworkRef(exchange.run, tuple(classes))
        for name in NETWORK:
            exchange.put(name, folder / name)
        exchange.put(FEATURES, features)

    def logits(
        self,
        network: Any,
        features: Features,
        windows: NDArray[np.float32],
        rows: NDArray[np.int64],
        batch_size: int,
    ) -> NDArray[np.float32]:
        """As `predict_logits`, for the network of the folder and what evaluation puts around it."""
        if not len(rows):
            return np.zeros((0, 0), np.float32)
        parts: dict[int, NDArray[np.float32]] = {}
        tasks = self._windows(self._ref(network), windows, rows, batch_size)
        for task, found in self._cluster.map(answer_windows, tasks):
            self._exchange.remove(task.name)
            parts[task.number] = found
        return np.concatenate([parts[number] for number in sorted(parts)])

    def perturbed(
        self,
        predict: PredictFn,
        windows: NDArray[np.float32],
        rows: NDArray[np.int64],
        conditions: list[Condition],
    ) -> dict[Condition, NDArray[np.float32]]:
        """Probabilities (len(rows), C) of these rows under every condition, by the network of `predict`."""
        asked, name = _of_network(predict), self._put_windows(windows, rows)
        tasks = [
            PerturbationTask(self._network, name, condition, asked.temperature, asked.batch_size)
            for condition in conditions
        ]
        return {task.condition: found for task, found in self._cluster.map(answer_perturbed, tasks)}

    def verdicts(
        self,
        predict: PredictFn,
        media: Iterable[MediumTracks],
        clips: list[HeldOutClip],
        changes: Mapping[str, Change],
    ) -> dict[str, dict[int, NDArray[np.float32]]]:
        """As `rewindow.verdicts`: probabilities (C,) by clip, for every change by name."""
        asked, name = _of_network(predict), f"tracks-{uuid4().hex}.tar"
        with TemporaryDirectory(prefix="posemill-tracks-") as folder:
            _write_tracks(Path(folder) / name, media)
            self._exchange.put(name, Path(folder) / name)
        about = (tuple(clips), asked.temperature, asked.batch_size)
        tasks = [FrameRateTask(self._network, name, label, change, *about) for label, change in changes.items()]
        found = {task.label: answer for task, answer in self._cluster.map(answer_changed, tasks)}
        return {label: found[label] for label in changes}

    def _ref(self, network: Any) -> NetworkRef:
        from posemill.models.open_set import FILE, parts_of

        with_features, score = parts_of(network)
        if score is None:
            return NetworkRef(self._network.run, self._network.classes, with_features)
        with TemporaryDirectory(prefix="posemill-score-") as folder:
            score.save(Path(folder))
            self._exchange.put(FILE, Path(folder) / FILE)
        return NetworkRef(self._network.run, self._network.classes, score=FILE)

    def _windows(
        self, network: NetworkRef, windows: NDArray[np.float32], rows: NDArray[np.int64], batch_size: int
    ) -> Iterator[LogitsTask]:
        """Tasks of whole batches, put into the exchange when they are asked for."""
        size = BATCHES * batch_size
        for number, start in enumerate(range(0, len(rows), size)):
            name = self._put_windows(windows, rows[start : start + size])
            yield LogitsTask(network, number, name, batch_size)

    def _put_windows(self, windows: NDArray[np.float32], rows: NDArray[np.int64]) -> str:
        """Put these rows into the exchange, a few in memory at a time; return their name there."""
        name = f"windows-{uuid4().hex}.npy"
        with TemporaryDirectory(prefix="posemill-windows-") as folder:
            shape = (len(rows), *windows.shape[1:])
            out = np.lib.format.open_memmap(Path(folder) / name, "w+", np.float32, shape)
            for start in range(0, len(rows), CHUNK):
                out[start : start + CHUNK] = windows[rows[start : start + CHUNK]]
            out.flush()
            self._exchange.put(name, Path(folder) / name)
        return name


def answer_windows(task: LogitsTask) -> NDArray[np.float32]:
    """Return the logits (N, C) of a task's windows, on a worker."""
    network, features = _loaded(task.network)
    with _fetched(task.network.run, task.name) as path:
        windows = np.load(path, mmap_mode="r")
        return predict_logits(network, features, windows, np.arange(len(windows)), task.batch_size)


def answer_perturbed(task: PerturbationTask) -> NDArray[np.float32]:
    """Return the probabilities (N, C) of a task's windows under its perturbation, on a worker."""
    network, features = _loaded(task.network)
    predict = NetworkPredictFn(network, features, task.temperature, task.batch_size)
    with _fetched(task.network.run, task.name) as path:
        windows = np.load(path, mmap_mode="r")
        return perturbed_probabilities(predict, windows, np.arange(len(windows)), *task.condition, features.skeleton)


def answer_changed(task: FrameRateTask) -> dict[int, NDArray[np.float32]]:
    """Return the probabilities (C,) by clip from a task's tracks after its change, on a worker."""
    network, features = _loaded(task.network)
    predict = NetworkPredictFn(network, features, task.temperature, task.batch_size)
    with _fetched(task.network.run, task.name) as path:
        return verdicts(predict, features, _read_tracks(path), task.clips, {"": task.change})[""]


@lru_cache(maxsize=4)
def _loaded(ref: NetworkRef) -> tuple[Any, FeaturePipeline]:
    """A network and its features; a worker loads each once a run."""
    from posemill import models
    from posemill.models.open_set import OpenSetNetwork, OpenSetScore, with_features

    exchange = Exchange(Settings.from_env().store_url, ref.run)
    with TemporaryDirectory(prefix="posemill-network-", dir=scratch_folder()) as name:
        folder = Path(name)
        for file in (*NETWORK, FEATURES, *([ref.score] if ref.score else [])):
            exchange.fetch(file, folder / file)
        features = FeaturePipeline.load(folder / FEATURES)
        network, _ = models.load(folder, list(ref.classes), features.skeleton)
        score = OpenSetScore.load(folder) if ref.score else None
    if score is not None:
        return OpenSetNetwork(network, score, len(ref.classes)), features
    return (with_features(network) if ref.with_features else network), features


@contextmanager
def _fetched(run: str, name: str) -> Iterator[Path]:
    """A file of the exchange, as long as it is needed."""
    with TemporaryDirectory(prefix="posemill-task-", dir=scratch_folder()) as folder:
        Exchange(Settings.from_env().store_url, run).fetch(name, Path(folder) / name)
        yield Path(folder) / name


def _of_network(predict: PredictFn) -> NetworkPredictFn:
    if not isinstance(predict, NetworkPredictFn):
        raise InputError(
            "only a network that is in evaluate.network can be asked on workers: set compute.engine: local"
        )
    return predict


def _write_tracks(path: Path, media: Iterable[MediumTracks]) -> None:
    """A file a medium, in order."""
    from posemill.store.track_file import medium_bytes

    with tarfile.open(path, "w") as archive:
        for number, tracks in enumerate(media):
            content = medium_bytes(tracks)
            entry = tarfile.TarInfo(f"{number:06}.parquet")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def _read_tracks(path: Path) -> Iterator[MediumTracks]:
    from posemill.store.track_file import parse_medium

    with tarfile.open(path) as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            assert file is not None
            yield parse_medium(file.read(), f"{path}, {entry.name}")
