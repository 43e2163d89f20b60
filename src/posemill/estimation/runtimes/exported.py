"""Cache of exported networks, one file a picture size, named by digest of weights and code."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.estimation.runtimes.base import Network

if TYPE_CHECKING:
    import torch

MOST_SIZES = 64  # of one network stay on disk: a service's clients send pictures of any


class ExportedNetworks:
    """The files of one network by one exporter.

    exporter  names the exporter, its version and code: another one writes files of its own.
    write     (module, picture (1, H, W, 3) uint8, path): export for that size into that file.
    """

    def __init__(
        self,
        network: Network,
        cache: Path,
        exporter: str,
        suffix: str,
        write: Callable[[torch.nn.Module, torch.Tensor, Path], None],
    ) -> None:
        self._network, self._cache, self._suffix, self._write = network, cache, suffix, write
        self._name = hashlib.sha256(f"{network.content} {exporter}".encode()).hexdigest()[:20]

    @contextmanager
    def file(self, height_px: int, width_px: int) -> Iterator[Path]:
        """The network for pictures of that size, exported now if it is not there; the path holds inside the block."""
        kept = self._cache / f"{self._name}-{width_px}x{height_px}" / f"network{self._suffix}"
        if kept.is_file():
            with suppress(OSError):
                os.utime(kept.parent)  # used now, so it is not the next to go
            yield kept
            return
        # atomic: written to a temporary folder, then renamed; a concurrent run may have been quicker
        with tempfile.TemporaryDirectory(dir=self._folder()) as temporary:
            new = Path(temporary) / "new"
            new.mkdir()
            self._export(height_px, width_px, new / kept.name)
            with suppress(OSError):  # a cache that cannot be written costs time, nothing else
                os.rename(new, kept.parent)
            yield kept if kept.is_file() else new / kept.name
        self._tidy()

    def _tidy(self) -> None:
        """Remove the sizes that were not used for longest."""
        with suppress(OSError):
            sizes = sorted(self._cache.glob(f"{self._name}-*"), key=lambda path: -path.stat().st_mtime_ns)
            for path in sizes[MOST_SIZES:]:
                shutil.rmtree(path, ignore_errors=True)

    def _folder(self) -> Path | None:
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        return self._cache if os.access(self._cache, os.W_OK) else None

    def _export(self, height_px: int, width_px: int, path: Path) -> None:
        import torch

        with warnings.catch_warnings(), torch.no_grad():  # tracing warns of sizes that become constants: here they are
            warnings.simplefilter("ignore")
            picture = torch.zeros((1, height_px, width_px, 3), dtype=torch.uint8)
            self._write(self._network.module(), picture, path)
