"""People who are drawn as fields come back; layouts are those of the published networks; the embedded network sees."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from posemill.errors import CheckpointError, InputError
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.backends.openpose.backend import OpenPoseBackend, network_input
from posemill.estimation.backends.openpose.decoder import MIN_KEYPOINTS, decode
from posemill.estimation.backends.openpose.layouts import (
    BODY_25_LAYOUT,
    COCO_LAYOUT,
    LAYOUTS,
    MPII_LAYOUT,
    Layout,
    layout_of,
)
from posemill.estimation.backends.openpose.peaks import find_peaks
from posemill.estimation.backends.openpose.weights import EMBEDDED, find_network
from posemill.estimation.factory import load_backend
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import SynthClip

Rendered = tuple[SynthClip, NDArray[np.uint8]]
SIDE = 64  # cells
SPREAD = 0.9  # cells, of a peak: 7 pixels at 8 pixels a cell
HALF_WIDTH = 1.0  # cells, of a limb's field


def fields_of(people: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """(P, K, 2) cells, NaN = hidden, to the fields that a network should give, as the networks were trained."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    fields = np.zeros((layout.channels, SIDE, SIDE), np.float32)
    heat, affinity = layout.split(fields)  # views
    for person in people:
        for k, (px, py) in enumerate(person):
            if np.isfinite(px):
                heat[k] = np.maximum(heat[k], np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * SPREAD**2)))
        for limb, (a, b) in enumerate(layout.limb_index):
            length = float(np.linalg.norm(person[b] - person[a]))
            if np.isfinite(length) and length > 0:
                ux, uy = (person[b] - person[a]) / length
                along, across = (x - person[a, 0]) * ux + (y - person[a, 1]) * uy, (x - person[a, 0]) * uy
                across = np.abs(across - (y - person[a, 1]) * ux)
                on = (along >= -HALF_WIDTH) & (along <= length + HALF_WIDTH) & (across <= HALF_WIDTH)
                affinity[limb, 0, on], affinity[limb, 1, on] = ux, uy
    fields[len(layout.skeleton)] = 1 - heat.max(0)
    return fields


def upright(layout: Layout, x: float, y: float, size: float) -> NDArray[np.float32]:
    """(K, 2): somebody who faces us, their own right on our left, every keypoint apart from the others."""
    rows = {
        "head_top": -3.6,
        "nose": -3.0,
        "eye": -3.4,
        "ear": -3.1,
        "neck": -2.0,
        "upper_neck": -2.3,
        "shoulder": -2.0,
        "chest": -1.0,
        "elbow": -1.0,
        "wrist": 0.0,
        "mid_hip": 0.0,
        "hip": 0.1,
        "knee": 1.6,
        "ankle": 3.0,
        "big_toe": 3.5,
        "small_toe": 3.4,
        "heel": 3.3,
    }
    out = {
        "eye": 0.35,
        "ear": 0.75,
        "shoulder": 0.9,
        "elbow": 1.3,
        "wrist": 1.5,
        "hip": 0.55,
        "knee": 0.6,
        "ankle": 0.65,
        "big_toe": 1.0,
        "small_toe": 1.4,
        "heel": 0.3,
    }
    points = []
    for name in layout.skeleton.keypoints:
        part = name.removeprefix("left_").removeprefix("right_")
        side = -1 if name.startswith("right_") else 1
        points.append((x + side * out.get(part, 0) * size, y + rows[part] * size))
    return np.array(points, np.float32)


def in_same_order(found: NDArray[np.float32], people: NDArray[np.float32]) -> NDArray[np.float32]:
    """(P, K, 3) found people in the order of the true ones, who stand apart."""
    middles, wanted = np.nanmean(found[..., 0], 1), np.nanmean(people[..., 0], 1)
    return found[[int(np.abs(middles - w).argmin()) for w in wanted]]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.skeleton.name)
@hypothesis_settings(max_examples=15)
@given(data=st.data())
def test_people_drawn_as_fields_come_back(layout: Layout, data: st.DataObject) -> None:
    nudge = st.floats(-1.5, 1.5, width=32)
    people = np.stack(
        [upright(layout, x + data.draw(nudge), 30 + data.draw(nudge), 6 + data.draw(nudge) / 3) for x in (15, 45)]
    )
    people += np.float32(data.draw(st.floats(-0.5, 0.5, width=32)))
    hidden = data.draw(st.sampled_from([None, *range(len(layout.skeleton))]))
    whole = people.copy()
    if hidden is not None:
        people[0, hidden] = np.nan
    found = decode(fields_of(people, layout), layout)
    # a hidden keypoint may cut a person in two; what remains of them must be right, and nobody may be invented
    other = in_same_order(found, whole)[1]
    np.testing.assert_allclose(other[:, :2], people[1], atol=0.02)
    assert (other[:, 2] > 0.7).all()
    if hidden is None:
        assert len(found) == 2
    for person in found:
        truth = people[int(np.nanmean(person[:, 0]) > 30)]
        seen = person[:, 2] > 0
        assert seen.sum() >= MIN_KEYPOINTS
        np.testing.assert_allclose(person[seen, :2], truth[seen], atol=0.02)


def test_arms_that_cross_stay_with_their_owners() -> None:
    people = np.stack([upright(COCO_LAYOUT, x, 30, 6) for x in (22, 42)])
    left_wrist, right_wrist = (COCO_LAYOUT.skeleton.index(name) for name in ("left_wrist", "right_wrist"))
    people[0, left_wrist], people[1, right_wrist] = (34, 27), (30, 27)  # each reaches past the other
    found = in_same_order(decode(fields_of(people, COCO_LAYOUT), COCO_LAYOUT), people)
    np.testing.assert_allclose(found[..., :2], people, atol=0.05)


def test_nobody_without_heat_and_nothing_of_three_keypoints() -> None:
    empty = np.zeros((COCO_LAYOUT.channels, 20, 30), np.float32)
    assert decode(empty, COCO_LAYOUT).shape == (0, 18, 3)
    person = upright(COCO_LAYOUT, 30, 30, 6)
    person[MIN_KEYPOINTS - 1 :] = np.nan  # nose, neck, right shoulder
    assert len(decode(fields_of(person[None], COCO_LAYOUT), COCO_LAYOUT)) == 0


@given(st.floats(3, 20, width=32), st.floats(3, 20, width=32))
def test_a_peak_is_found_between_cells_and_once(x: float, y: float) -> None:
    rows, columns = np.mgrid[:24, :24]
    heat = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * SPREAD**2)).astype(np.float32)
    peaks = find_peaks(heat[None], 0.1, 10)
    assert len(peaks.xy) == 1
    np.testing.assert_allclose(peaks.xy[0], (x, y), atol=1e-3)


def test_only_the_hottest_peaks_are_kept_for_each_keypoint() -> None:
    heat = np.zeros((2, 9, 30), np.float32)
    heat[0, 4, 3::5] = np.linspace(0.3, 0.9, 6)
    heat[1, 4, 3] = 0.5
    peaks = find_peaks(heat, 0.1, 2)
    assert peaks.keypoint.tolist() == [0, 0, 1]
    np.testing.assert_allclose(peaks.confidence, [0.9, 0.78, 0.5], atol=1e-6)
    np.testing.assert_allclose(peaks.xy, [[28, 4], [23, 4], [3, 4]])


# Body parts, pairs and places of fields (x channels after the heat maps) as published with OpenPose.
PUBLISHED = (
    (
        BODY_25_LAYOUT,
        78,
        (
            1,
            8,
            1,
            2,
            1,
            5,
            2,
            3,
            3,
            4,
            5,
            6,
            6,
            7,
            8,
            9,
            9,
            10,
            10,
            11,
            8,
            12,
            12,
            13,
            13,
            14,
            1,
            0,
            0,
            15,
            15,
            17,
            0,
            16,
            16,
            18,
            2,
            17,
            5,
            18,
            14,
            19,
            19,
            20,
            14,
            21,
            11,
            22,
            22,
            23,
            11,
            24,
        ),
        (0, 14, 22, 16, 18, 24, 26, 6, 2, 4, 8, 10, 12, 30, 32, 36, 34, 38, 20, 28, 40, 42, 44, 46, 48, 50),
    ),
    (
        COCO_LAYOUT,
        57,
        (
            1,
            2,
            1,
            5,
            2,
            3,
            3,
            4,
            5,
            6,
            6,
            7,
            1,
            8,
            8,
            9,
            9,
            10,
            1,
            11,
            11,
            12,
            12,
            13,
            1,
            0,
            0,
            14,
            14,
            16,
            0,
            15,
            15,
            17,
            2,
            16,
            5,
            17,
        ),
        (12, 20, 14, 16, 22, 24, 0, 2, 4, 6, 8, 10, 28, 30, 34, 32, 36, 18, 26),
    ),
    (
        MPII_LAYOUT,
        44,
        (
            0,
            1,
            1,
            2,
            2,
            3,
            3,
            4,
            1,
            5,
            5,
            6,
            6,
            7,
            1,
            14,
            14,
            8,
            8,
            9,
            9,
            10,
            14,
            11,
            11,
            12,
            12,
            13,
        ),
        tuple(range(0, 28, 2)),
    ),
)


@pytest.mark.parametrize(
    ("layout", "channels", "pairs", "places"), PUBLISHED, ids=lambda v: getattr(v, "limbs", "")[:0]
)
def test_limbs_have_the_published_fields(
    layout: Layout, channels: int, pairs: tuple[int, ...], places: tuple[int, ...]
) -> None:
    assert layout.channels == channels
    assert layout_of(channels) is layout
    published = {place // 2: pair for place, pair in zip(places, np.reshape(pairs, (-1, 2)).tolist(), strict=True)}
    assert layout.limb_index.tolist() == [published[place] for place in range(len(published))]


def test_a_network_of_something_else_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"gives 22 channels.*57 .openpose-18."):
        layout_of(22)


def test_the_input_is_raw_bgr_on_even_sides() -> None:
    image = np.zeros((90, 200, 3), np.uint8)
    image[..., 0], image[..., 2] = 200, 30  # red, blue
    picture, scale = network_input(image, 385)
    assert picture.shape == (1, 3, 176, 384)
    assert picture.dtype == np.float32
    np.testing.assert_allclose(picture[0, :, 50, 50], [30, 0, 200])
    np.testing.assert_allclose(picture[0, :, -1, 50], 128)
    np.testing.assert_allclose(scale, 384 / 200, rtol=0.01)


def make(**label: Any) -> OpenPoseBackend:
    params = LabelParams(backend="openpose", **label)
    return OpenPoseBackend(find_network(params, Path("nothing is kept for it")), params)


@pytest.fixture(scope="module")
def embedded() -> OpenPoseBackend:
    return make(threads=1)


def test_a_rendered_person_is_found_where_they_are(embedded: OpenPoseBackend, rendered: Rendered) -> None:
    clip, image = rendered
    (poses,) = embedded.poses([image])
    truth = clip.truth.xy[:1]
    at = [embedded.skeleton.index(name) for name in COCO_17.keypoints]
    similarity, number = best_pairs(
        np.stack([p.xy[at] for p in poses]), truth, box_area(truth).astype(np.float32), COCO_17
    )
    assert similarity[0] > 0.6
    pose = poses[number[0]]
    assert pose.xy.dtype == pose.confidence.dtype == np.float32
    assert 0.15 <= pose.person_confidence <= 1
    assert (np.isnan(pose.xy).any(-1) == (pose.confidence == 0)).all()


def test_any_batch_and_number_of_threads_find_the_same(embedded: OpenPoseBackend, rendered: Rendered) -> None:
    image = rendered[1]
    pictures = [image, np.ascontiguousarray(image[:, ::-1]), np.full((70, 40, 3), 128, np.uint8)]
    together, alone = make(threads=2).poses(pictures), [embedded.poses([picture])[0] for picture in pictures]
    assert [len(poses) for poses in together] == [len(poses) for poses in alone]
    assert not together[2]
    for a, b in zip(chain(*together), chain(*alone), strict=True):
        np.testing.assert_array_equal(a.xy, b.xy)
    assert embedded.poses([]) == []


def test_thresholds_drop_people_and_keypoints(rendered: Rendered) -> None:
    assert make(threads=1, instance_threshold=0.99).poses([rendered[1]]) == [[]]
    (poses,) = make(threads=1, keypoint_threshold=0.6).poses([rendered[1]])
    assert poses
    assert all((p.confidence[p.confidence > 0] >= 0.6).all() for p in poses)


def test_what_changes_keypoints_is_described(embedded: OpenPoseBackend) -> None:
    describes = embedded.describe()
    assert json.loads(json.dumps(describes)) == describes
    assert describes["checkpoint_sha256"] == EMBEDDED.sha256
    assert describes["skeleton"] == "openpose-18"


def test_the_register_loads_the_embedded_network_by_default() -> None:
    backend = load_backend("openpose", LabelParams(backend="openpose", threads=1))
    assert backend.describe()["checkpoint"] == EMBEDDED.name


def test_what_cannot_be_loaded_says_what_to_do() -> None:
    with pytest.raises(CheckpointError, match=r"should be mobilenet_thin, or a file"):
        make(checkpoint="resnet")
    with pytest.raises(CheckpointError, match="SHA-256 should be 0000"):
        make(checkpoint_sha256="0" * 64)
    with pytest.raises(InputError, match="runs no graph files"):
        make(runtime="eager")
