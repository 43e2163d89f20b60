from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from posemill.applications.repetitions.params import RepetitionParams

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def benchmark_module() -> ModuleType:
    path = ROOT / "benchmarks" / "repetitions.py"
    spec = importlib.util.spec_from_file_location("benchmark_repetitions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_figures_as_transrac_defines_them(benchmark_module: ModuleType) -> None:
    true, counted = np.array([10, 4, 2, 8]), np.array([9, 6, 2, 12])
    assert benchmark_module.off_by_one(true, counted) == 0.5
    assert benchmark_module.mean_absolute_error(true, counted) == pytest.approx((0.1 + 0.5 + 0 + 0.5) / 4)


@pytest.mark.material
def test_most_real_videos_are_counted_within_one(benchmark_module: ModuleType, tmp_path: Path) -> None:
    folder = ROOT.parent / "shared" / "apps" / "repetitions"
    if not folder.is_dir():
        pytest.skip("no ../shared/apps/repetitions")
    lines = (folder / "counts.csv").read_text().splitlines()
    few = [line for line in lines[1:] if int(line.split(",")[3]) < 500][:25]
    (tmp_path / "counts.csv").write_text("\n".join([lines[0], *few]))
    (tmp_path / "poses.npz").symlink_to(folder / "poses.npz")
    obo, mae = benchmark_module.figures_of(benchmark_module.count_folder(tmp_path, None, RepetitionParams()))
    assert obo >= 0.6
    assert mae <= 0.35
