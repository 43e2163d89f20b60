"""The report of drift shows what it must, also of nothing at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.monitoring import report
from posemill.monitoring.drift import Drift
from posemill.monitoring.live import live
from posemill.monitoring.reference import VALUES, load, reference


def test_a_reference_survives_the_file_and_is_small(tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    windows = np.zeros((3000, 2, 4, 3), np.float32)
    windows[..., 0] = np.arange(3000)[:, None, None] * np.arange(4)
    windows[..., 2] = 0.5
    windows[0] = np.nan
    made = reference(windows, ["a"] * 1000 + ["b"] * 2000)
    made.save(path)
    assert load(path) == made
    assert (made.windows, made.activities) == (3000, {"a": 1000, "b": 2000})
    assert len(made.values["body_px"]) == VALUES
    assert made.values["body_px"][0] == 3.0
    assert made.values["body_px"][-1] == pytest.approx(3 * 2999, rel=1e-3)
    assert np.median(made.values["body_px"]) == pytest.approx(4500, rel=0.01)
    assert path.stat().st_size < 40_000


@pytest.mark.parametrize("text", ["{}", "[]", "nothing", '{"format": "posemill-reference-1", "values": {}}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reference.json"
    with pytest.raises(InputError, match="packaged without it"):
        load(path)
    path.write_text(text)
    with pytest.raises(InputError, match=r"reference\.json"):
        load(path)


def test_the_page(tmp_path: Path) -> None:
    windows = np.random.default_rng(0).uniform(0, 300, (40, 2, 4, 3)).astype(np.float32)
    trained = reference(windows, ["wave"] * 40)
    drifts = [
        Drift("body_px", 0.9, 0.4, 0.25, 0.3, "median 200 px", "median 90 px"),
        Drift("activity", None, None, 0.5, None, "most often wave (100 %)", "nothing"),
    ]
    html = report.page(trained, live([]), drifts, says="Changed: <b>.", enough=True).html()
    assert "Changed: &lt;b&gt;." in html
    assert "median 90 px" in html
    assert html.count("data:image/svg+xml") == 4
    assert "<script" not in html
    assert 'class="banner bad"' in html
