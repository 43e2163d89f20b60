"""Data module: windows memory-mapped, gathered and augmented a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from posemill.errors import InputError
from posemill.features.augment import Augmentation
from posemill.features.pipeline import FeaturePipeline
from posemill.params.train import TrainParams
from posemill.training.parted_windows import CHUNK, deal_parts


@dataclass(frozen=True, slots=True, eq=False)
class WindowIndex:
    """Index of the windows, row by row: target (N,) class number, clip (N,) number, split (N,) name."""

    target: NDArray[np.int64]
    clip: NDArray[np.int64]
    split: NDArray[np.str_]

    def rows(self, split: str) -> NDArray[np.int64]:
        """Positions of the windows of one split."""
        return np.flatnonzero(self.split == split)


class Windows(Protocol):
    """Network input by rows: an array, a memory-mapped one, or one in parts."""

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.float32]:
        """(B,) rows → (B, T, K, 3)."""
        ...


class Batches(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """`dataset[rows]` is a whole batch: windows (B, T, K, 3), targets (B,), clips (B,)."""

    def __init__(self, windows: Windows, index: WindowIndex) -> None:
        self.windows, self.index = windows, index

    def __getitem__(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        return (
            torch.from_numpy(np.ascontiguousarray(self.windows[rows])),
            torch.from_numpy(self.index.target[rows]),
            torch.from_numpy(self.index.clip[rows]),
        )


class _Rows(Sampler[NDArray[np.int64]]):
    """Row numbers of one epoch, cut into batches; of every batch the `part`-th of `parts`, which are equally many."""

    def __init__(self, rows: NDArray[np.int64], batch: int, drop_last: bool, part: int = 0, parts: int = 1) -> None:
        count = len(rows) // batch if drop_last else -(-len(rows) // batch)
        self.batches = [rows[i * batch : (i + 1) * batch][part::parts] for i in range(count)]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class WindowData(pl.LightningDataModule):
    """Train and validation batches of transformed windows. What an epoch draws depends only on seed and epoch.

    Each of n devices gets an n-th of every train batch, and judges all validation windows. Where train.partitions is
    more than 1, every batch takes equally many windows from each part of the train rows, and a device's n-th is of its
    own parts.

    first_epoch  to be set when a training is resumed.
    """

    def __init__(self, windows: Windows, index: WindowIndex, augmentation: Augmentation, params: TrainParams) -> None:
        super().__init__()
        self.dataset, self.index, self.augmentation, self.params = Batches(windows, index), index, augmentation, params
        self.generator = torch.Generator()
        self.first_epoch = 0
        self.parts = train_parts(index, params)

    def epoch_rows(self, epoch: int) -> NDArray[np.int64]:
        """The train rows of an epoch in random order: all, or `windows_per_clip` of every clip.

        Fewer than `min_windows_per_epoch` are passed over again, in another order and with other augmentations, up to
        that number: the last pass may be a part. Of several parts the rows come in turn, as many of each as the
        smallest has.
        """
        several = len(self.parts) > 1
        drawn = [self._part_rows(part, [number] if several else [], epoch) for number, part in enumerate(self.parts)]
        size = min(map(len, drawn))
        return np.stack([rows[:size] for rows in drawn], 1).reshape(-1)

    def _part_rows(self, part: NDArray[np.int64], number: list[int], epoch: int) -> NDArray[np.int64]:
        random = np.random.default_rng([self.params.seed, epoch, *number])
        rows = self._drawn(random, part)
        wanted = max(-(-self.params.min_windows_per_epoch // len(self.parts)), len(rows))
        passes = -(-wanted // max(len(rows), 1))
        return np.concatenate([rows, *(self._drawn(random, part) for _ in range(passes - 1))])[:wanted]

    def _drawn(self, random: np.random.Generator, part: NDArray[np.int64]) -> NDArray[np.int64]:
        rows = random.permutation(part)
        if not self.params.windows_per_clip:
            return rows
        order = np.argsort(self.index.clip[rows], kind="stable")
        clips = self.index.clip[rows][order]
        nth = np.arange(len(rows)) - np.searchsorted(clips, clips)
        return random.permutation(rows[order][nth < self.params.windows_per_clip])

    def steps_per_epoch(self) -> int:
        """Batches an epoch; every epoch has the same number."""
        return max(len(self.epoch_rows(0)) // self.batch, 1)

    @property
    def batch(self) -> int:
        """The batch size over all devices, or all rows where there are fewer; every device has equally many of it."""
        rows = min(len(self._drawn(np.random.default_rng(0), part)) for part in self.parts) * len(self.parts)
        batch, step = min(self.params.batch, rows), max(self.params.devices, len(self.parts))
        return max(batch - batch % step, step)

    def train_dataloader(self) -> DataLoader[Any]:
        """Batches of the trainer's current epoch."""
        # the trainer still counts the epoch before when it resumes
        epoch = max(self.trainer.current_epoch if self.trainer else 0, self.first_epoch)
        device = self.trainer.global_rank if self.trainer else 0
        self.generator.manual_seed(self.params.seed * 100_003 + epoch + device * 1_000_000_007)
        return self._loader(_Rows(self.epoch_rows(epoch), self.batch, True, device, self.params.devices))

    def val_dataloader(self) -> DataLoader[Any]:
        """All validation windows, in order."""
        return self._loader(_Rows(self.index.rows("validation"), 256, drop_last=False))

    def _loader(self, rows: _Rows) -> DataLoader[Any]:
        # a loader takes a number from its generator; from the global one it would change what dropout and mixup draw
        return DataLoader(self.dataset, sampler=rows, batch_size=None, generator=torch.Generator())

    def on_before_batch_transfer(self, batch: tuple[Tensor, Tensor, Tensor], dataloader_idx: int) -> Any:
        """Augment train batches, where their generator is: on the CPU, whatever the network is trained on."""
        if self.trainer is None or not self.trainer.training:
            return batch
        return self.augmentation(batch[0], self.generator), *batch[1:]


def train_parts(index: WindowIndex, params: TrainParams) -> list[NDArray[np.int64]]:
    """Return the train rows in `train.partitions` parts; device d of n reads the parts d, d + n, and so on."""
    rows = index.rows("train")
    return [rows] if params.partitions == 1 else deal_parts(rows, index.clip[rows], params.partitions)


def transform_windows(windows: NDArray[np.float32], pipeline: FeaturePipeline, path: Path) -> NDArray[np.float32]:
    """Transform all windows to network input, written once to `path` and memory-mapped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (*windows.shape[:3], 3))
    for i in range(0, len(windows), CHUNK):
        out[i : i + CHUNK] = pipeline.transform(np.asarray(windows[i : i + CHUNK]))
    out.flush()
    return np.asarray(np.load(path, mmap_mode="r"))


def check_index(index: WindowIndex, classes: list[str]) -> None:
    """Raise InputError, in one sentence that says what to do, for data that cannot train a model."""
    if len(classes) < 2:
        raise InputError(f"training needs at least 2 activities, came {classes}: add clips of another activity")
    for split in ("train", "validation"):
        if not len(index.rows(split)):
            raise InputError(f"no window in the {split} split: add clips of more subjects or change prepare.split")
    trained = set(index.target[index.rows("train")].tolist())
    if missing := [c for i, c in enumerate(classes) if i not in trained]:
        raise InputError(f"no train window of {', '.join(missing)}: add clips of it by other subjects or leave it out")
