"""The embedded network against TensorFlow.js; heads whose keypoints are known; crops; poses of rendered people."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.errors import CheckpointError, InputError
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.backends.movenet.decoder import HEADS, crop_around, decode, network_input, whole
from posemill.estimation.backends.movenet.single import EMBEDDED, input_side
from posemill.estimation.factory import load_backend
from posemill.estimation.runtimes.graphs import RUNTIMES, open_graph
from posemill.estimation.types import PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import SynthClip

Rendered = tuple[SynthClip, NDArray[np.uint8]]
GOLDEN = Path(__file__).parents[2] / "fixtures" / "movenet_tfjs.json"
CELLS = 48


def make(**label: Any) -> PoseBackend:
    return load_backend("movenet", LabelParams(backend="movenet", **label))


@pytest.fixture(scope="module")
def embedded() -> PoseBackend:
    return make(threads=1)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_same_heads_and_keypoints_as_tensorflow_js(runtime: str) -> None:
    golden, at = json.loads(GOLDEN.read_text())["movenet-lightning"], np.arange(4 * CELLS)
    planes = [np.cos(at / (17 - 2 * c))[:, None] * np.sin(at / (11 + c))[None] for c in range(3)]
    picture = np.round(127.5 + 127.5 * np.stack(planes)[None]).astype(np.float32)
    (fields,) = open_graph(EMBEDDED.path, runtime)(picture)
    for (row, column), expected in zip(golden["cells"], golden["heads"], strict=True):
        np.testing.assert_allclose(fields[0, :, row, column], expected, atol=3e-4)  # logits and cells, up to 20
    # the source has the size of a cell, 1/48, as a 16-bit float
    theirs = np.array(golden["keypoints"])[:, [1, 0, 2]] / [golden["cell"] * CELLS, golden["cell"] * CELLS, 1]
    np.testing.assert_allclose(decode(fields[0]), theirs, atol=1e-5)


def heads_of(cells: NDArray[np.float32], centre: tuple[int, int]) -> NDArray[np.float32]:
    """(17, 2) x, y in cells and the centre's row and column, to heads that mean exactly that."""
    fields = np.full((sum(HEADS), CELLS, CELLS), 0, np.float32)
    heat, middle, expected, within = np.split(fields, np.cumsum(HEADS)[:-1])  # views
    heat[:], middle[:] = -8, -8
    row, column = centre
    middle[0, row, column] = 4
    expected[0::2, row, column], expected[1::2, row, column] = cells[:, 1] - row, cells[:, 0] - column
    for k, (x, y) in enumerate(np.floor(cells).astype(int)):
        heat[k, y, x] = 2
        within[2 * k, y, x], within[2 * k + 1, y, x] = cells[k, 1] - y, cells[k, 0] - x
    return fields


@given(st.lists(st.tuples(*[st.floats(2, 45, width=32)] * 2), min_size=17, max_size=17), st.integers(18, 30))
def test_heads_become_the_keypoints_that_they_mean(points: list[tuple[float, float]], centre: int) -> None:
    cells = np.array(points, np.float32)
    person = decode(heads_of(cells, (centre, 48 - centre)))
    np.testing.assert_allclose(person[:, :2] * CELLS, cells, atol=1e-3)
    np.testing.assert_allclose(person[:, 2], 1 / (1 + np.exp(-2)), atol=1e-5)


def test_of_two_people_the_central_one_is_answered_and_nobody_gets_the_others_keypoints() -> None:
    near, far = np.full((17, 2), 20, np.float32), np.full((17, 2), 42, np.float32)
    near += np.arange(17)[:, None] / 4
    fields = np.maximum(heads_of(near, (22, 22)), heads_of(far, (43, 43)))
    within = sum(HEADS[:2]) + HEADS[2]
    fields[within:] = heads_of(near, (22, 22))[within:]
    np.testing.assert_allclose(decode(fields)[:, :2] * CELLS, near, atol=1e-3)


def person_at(x: float, y: float, size: float) -> NDArray[np.float32]:
    """(17, 3): hips in the middle, head above, feet below."""
    rows = {
        "nose": -2.0,
        "eye": -2.1,
        "ear": -2.0,
        "shoulder": -1.4,
        "elbow": -0.8,
        "wrist": -0.2,
        "hip": 0.0,
        "knee": 1.2,
        "ankle": 2.4,
    }
    points = []
    for name in COCO_17.keypoints:
        part = name.removeprefix("left_").removeprefix("right_")
        side = 0 if part == name else 1 if name.startswith("left") else -1
        points.append((x + side * 0.4 * size, y + rows[part] * size, 0.8))
    return np.array(points, np.float32)


def test_the_crop_is_a_square_around_the_hips_that_holds_the_person() -> None:
    image, person = np.zeros((400, 640, 3), np.uint8), person_at(200, 220, 40)
    box = crop_around(person, image)
    assert box is not None
    left, top, side = box
    assert (left + side / 2, top + side / 2) == pytest.approx((200, 220), abs=1)
    assert side == pytest.approx(2 * 1.2 * 2.4 * 40, abs=2)  # the feet are farthest
    assert (person[:, :2] > (left, top)).all()
    assert (person[:, :2] < (left + side, top + side)).all()


def test_there_is_no_crop_without_a_torso_or_when_it_is_no_smaller() -> None:
    image, person = np.zeros((400, 640, 3), np.uint8), person_at(320, 200, 40)
    for hidden in ("hip", "shoulder"):
        unsure = person.copy()
        unsure[[COCO_17.index(f"{side}_{hidden}") for side in ("left", "right")], 2] = 0.1
        assert crop_around(unsure, image) is None
    assert crop_around(person_at(320, 200, 150), image) is None


@given(
    st.integers(30, 300),
    st.integers(30, 300),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(5, 60),
)
def test_a_pixel_of_the_picture_is_where_its_box_puts_it(w: int, h: int, x: float, y: float, size: float) -> None:
    image = np.zeros((h, w, 3), np.uint8)
    at = int(x * (w - 1)), int(y * (h - 1))
    image[max(0, at[1] - 4) : at[1] + 5, max(0, at[0] - 4) : at[0] + 5] = 255
    for box in (whole(image), crop_around(person_at(*at, size), image)):
        if box is None:
            continue
        square = network_input(image, box, 192)
        assert square.shape == (1, 3, 192, 192)
        rows, columns = np.nonzero(square[0, 0] > 127)
        scale = 192 / box[2]
        lit = [np.arange(max(0, c - 4), min(side, c + 5)).mean() for c, side in zip(at, (w, h), strict=True)]
        found = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / scale + box[:2]
        np.testing.assert_allclose(found, np.array(lit) + 0.5, atol=1.2 + 1 / scale)


def test_a_rendered_person_is_found_where_they_are(embedded: PoseBackend, rendered: Rendered) -> None:
    clip, image = rendered
    ((pose,),) = embedded.poses([image])
    truth = clip.truth.xy[:1]
    similarity, _ = best_pairs(pose.xy[None], truth, box_area(truth).astype(np.float32), COCO_17)
    assert similarity[0] > 0.6
    assert pose.xy.dtype == pose.confidence.dtype == np.float32
    assert 0.15 <= pose.person_confidence <= 1


def test_equal_pictures_have_equal_poses_in_any_batch(embedded: PoseBackend, rendered: Rendered) -> None:
    image = rendered[1]
    pictures = [image, np.ascontiguousarray(image[:, ::-1]), image, np.full((70, 40, 3), 128, np.uint8)]
    together = make(threads=2).poses(pictures)
    alone = [embedded.poses([picture])[0] for picture in pictures]
    assert [len(poses) for poses in together] == [1, 1, 1, 0] == [len(poses) for poses in alone]
    for a, b in zip(chain(*together), chain(*alone), strict=True):
        np.testing.assert_array_equal(a.xy, b.xy)
    np.testing.assert_array_equal(together[0][0].xy, together[2][0].xy)
    assert embedded.poses([]) == []


def test_a_far_person_is_seen_better_in_the_crop(embedded: PoseBackend, rendered: Rendered) -> None:
    clip, image = rendered
    height, width = image.shape[:2]
    wide = np.full((3 * height, 3 * width, 3), 128, np.uint8)
    wide[height : 2 * height, width : 2 * width] = image
    ((pose,),) = embedded.poses([wide])
    truth = clip.truth.xy[:1] + np.array([width, height], np.float32)
    similarity, _ = best_pairs(pose.xy[None], truth, box_area(truth).astype(np.float32), COCO_17)
    assert similarity[0] > 0.5


def test_what_changes_keypoints_is_described(embedded: PoseBackend) -> None:
    describes = embedded.describe()
    assert json.loads(json.dumps(describes)) == describes
    assert describes["checkpoint"] == "lightning"
    assert describes["checkpoint_sha256"] == EMBEDDED.sha256
    assert describes == make(threads=2, long_edge_px=641).describe()
    assert describes != make(threads=1, keypoint_threshold=0.5).describe()


def test_what_cannot_be_loaded_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="should be lightning, or a file"):
        make(checkpoint="multipose")
    with pytest.raises(CheckpointError, match="SHA-256 should be 0000"):
        make(checkpoint_sha256="0" * 64)
    with pytest.raises(InputError, match="runs no graph files"):
        make(runtime="eager")
    other = Path(EMBEDDED.path.with_name("openpose-mobilenet-thin.onnx"))
    with pytest.raises(CheckpointError, match=r"should take 1x3xSxS and give 1x86xS/4xS/4"):
        make(checkpoint=str(other))
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no network")
    with pytest.raises(CheckpointError, match="is no ONNX file"):
        make(checkpoint=str(damaged))


def test_a_file_of_another_size_is_taken_as_it_is(tmp_path: Path) -> None:
    model = onnx.load(EMBEDDED.path)
    for value, sides in ((model.graph.input[0], 256), (model.graph.output[0], 64)):
        for axis in (2, 3):
            value.type.tensor_type.shape.dim[axis].dim_value = sides
    path = tmp_path / "larger.onnx"
    onnx.save(model, path)
    assert input_side(path) == 256
    backend = make(checkpoint=str(path), threads=1)
    assert backend.describe()["checkpoint"] == str(path)
    assert backend.poses([np.zeros((90, 120, 3), np.uint8)]) == [[]]
