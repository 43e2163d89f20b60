"""Frame numbers in names of pictures, confidences and rates of other tools' files: read, or refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.ingest.frame_names import numbers_of
from posemill.ingest.sequence import Fault, Sequence
from posemill.ingest.tools import alphapose, deeplabcut, mediapipe, sleap, ultralytics
from posemill.ingest.tools.pose_table import Tool, ToolOptions, sequences
from posemill.pose.skeleton import BLAZEPOSE_33, COCO_17

TOLD = ToolOptions("set", (640, 480), 25.0)
BODY = np.stack([300 + 10 * np.cos(np.arange(17)), 150 + 10.0 * np.arange(17)], -1)


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["1.jpg", "2.jpg", "10.jpg"], [1, 2, 10]),
        (["f_0001_cam2.png", "f_0002_cam2.png"], [1, 2]),
        (["cam2_0001.png", "cam2_0002.png"], [1, 2]),
        (["take3/7.png", "take3/8.png"], [7, 8]),
        ([r"C:\\videos 2\\frame 5.jpg", r"C:\\videos 2\\frame 6.jpg"], [5, 6]),
        (["5.jpg", "5.jpg"], [5, 5]),
        ([3, 4.0, "5.0", "6"], [3, 4, 5, 6]),
        ([], []),
    ],
)
def test_the_number_that_tells_pictures_apart(names: list[object], numbers: list[int]) -> None:
    assert numbers_of(names, "file") == numbers


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a/1.jpg", "b/1.jpg"], "file: a/1.jpg and b/1.jpg are both frame 1"),
        (["0.5", "1.0"], r"frame 0\.5 is no whole number"),
        ([-1, 0], "frame -1 is below 0"),
        (["first.jpg"], "'first.jpg' has no frame number"),
    ],
)
def test_names_that_number_no_frames(names: list[object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        numbers_of(names, "file")


def people(confidence: float = 0.5, suffix: str = "") -> list[dict[str, object]]:
    """AlphaPose's output of somebody who moves right by 2 pixels a frame."""
    return [
        {
            "image_id": f"{t:06d}{suffix}.jpg",
            "keypoints": np.column_stack([BODY + np.array([2 * t, 0]), np.full(17, confidence)]).ravel().tolist(),
        }
        for t in range(4)
    ]


def read(tool: Tool, path: Path, told: ToolOptions = TOLD) -> Sequence:
    (found,) = sequences(tool, path, told)
    if isinstance(found, Fault):
        raise InputError(found.reason)
    return found


def test_the_number_of_a_camera_is_no_frame(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(people(suffix="_cam2")))
    (track,) = read(alphapose.TOOL, tmp_path / "a.json").tracks.tracks
    assert track.frame.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(track.xy[:, :, 0], (BODY[:, 0] + 2 * np.arange(4)[:, None]).astype(np.float32))


@pytest.mark.parametrize("confidence", [87.0, 254.0, -1.5])
def test_percentages_bytes_and_logits_are_no_confidences(confidence: float, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(people(confidence)))
    with pytest.raises(InputError, match=r"confidences are .* expected 0 to 1"):
        read(alphapose.TOOL, tmp_path / "a.json")


def test_a_peak_a_little_above_one_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(people(1.06)))
    assert (read(alphapose.TOOL, tmp_path / "a.json").tracks.tracks[0].confidence == 1).all()


def csv(folder: Path, header: list[str], rows: list[list[object]]) -> Path:
    path = folder / "poses.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n")
    return path


def mediapipe_table(folder: Path, first: str, numbers: list[float], without: str = "") -> Path:
    names = [f"{k}_{part}" for k in BLAZEPOSE_33.keypoints for part in ("x", "y", "visibility")]
    values = {name: 0.5 if name.endswith("visibility") else 0.2 + 0.01 * i for i, name in enumerate(names)}
    values = {name: min(value, 0.9) for name, value in values.items() if name != without}
    return csv(folder, [first, *values], [[number, *values.values()] for number in numbers])


def sleap_table(folder: Path, frames: list[float], without: str = "") -> Path:
    names = [f"{k}.{part}" for k in COCO_17.keypoints for part in ("x", "y", "score")]
    values = {name: 0.5 if name.endswith("score") else 100.0 + i for i, name in enumerate(names) if name != without}
    return csv(folder, ["track", "frame_idx", *values], [["a", frame, *values.values()] for frame in frames])


@pytest.mark.parametrize(("tool", "table"), [(mediapipe.TOOL, mediapipe_table), (sleap.TOOL, sleap_table)])
def test_half_a_frame_is_none(tool: Tool, table: Callable[..., Path], tmp_path: Path) -> None:
    numbers = [0, 0.5, 1, 1.5]
    path = table(tmp_path, "frame", numbers) if tool is mediapipe.TOOL else table(tmp_path, numbers)
    with pytest.raises(InputError, match=r"frame 0\.5 is no whole number"):
        read(tool, path)


def test_a_confidence_of_some_keypoints_only(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nose has no visibility, and other landmarks have one"):
        read(mediapipe.TOOL, mediapipe_table(tmp_path, "frame", [0, 1], "nose_visibility"))
    with pytest.raises(InputError, match="nose has no score, and other nodes have one"):
        read(sleap.TOOL, sleap_table(tmp_path, [0, 1], "nose.score"))


def test_a_likelihood_of_some_body_parts_only(tmp_path: Path) -> None:
    columns = [(k, c) for k in COCO_17.keypoints for c in ("x", "y", "likelihood")][:-1]
    rows = [[t, *([0.5 if c == "likelihood" else 100 + i for i, (_, c) in enumerate(columns)])] for t in range(3)]
    head = [["scorer", *["S"] * 50], ["bodyparts", *[k for k, _ in columns]], ["coords", *[c for _, c in columns]]]
    path = csv(tmp_path, head[0], [*head[1:], *rows])
    with pytest.raises(InputError, match="right_ankle has no likelihood, and other body parts have one"):
        read(deeplabcut.TOOL, path)


def test_frames_of_ultralytics_by_name(tmp_path: Path) -> None:
    detection = {"keypoints": {"x": BODY[:, 0].tolist(), "y": BODY[:, 1].tolist(), "visible": [0.5] * 17}}
    (tmp_path / "a.json").write_text(json.dumps({f"f{t}_cam2.jpg": [detection] for t in range(3)}))
    (track,) = read(ultralytics.TOOL, tmp_path / "a.json").tracks.tracks
    assert track.frame.tolist() == [0, 1, 2]


def test_times_of_rows_give_the_rate(tmp_path: Path) -> None:
    path = mediapipe_table(tmp_path, "timestamp_ms", [0, 100, 200, 300])
    found = read(mediapipe.TOOL, path, ToolOptions("set", (640, 480)))
    assert (found.tracks.frames, found.tracks.duration_s) == (4, pytest.approx(0.4))
    with pytest.raises(InputError, match="its times say 10 frames per second, and --fps 25"):
        read(mediapipe.TOOL, path)
