"""The default labeller poses everybody once more in a crop, and says so; other checkpoints and backends do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.fingerprint import pose_fingerprint
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import Plan, stage

PLAIN: dict[str, Any] = {"refine": None, "small_people": None, "rotation_fallback_threshold": 0.0}


def mean_oks(estimator: PoseEstimator, activity: str) -> float:
    """Over every tenth frame of three rendered people."""
    each: list[NDArray[np.float64]] = []
    for subject in (1, 2, 3):
        clip = stage(Plan(seed=11, subject=subject, activity=activity, take=0))
        track = clip.truth
        images = list(clip.images())
        for i in range(0, len(track.frame), 10):
            truth = track.xy[i][None]
            found = [pose.xy for pose in estimator.predict([images[track.frame[i]]])[0]]
            xy = np.stack(found) if found else np.empty((0, 17, 2), np.float32)
            each.append(best_pairs(xy, truth, box_area(truth).astype(np.float32), COCO_17)[0])
    return float(np.concatenate(each).mean())


def test_crops_place_keypoints_better() -> None:
    plain, refined = PoseEstimator(**PLAIN), PoseEstimator(**PLAIN | {"refine": "auto"})
    assert mean_oks(refined, "lunge") > mean_oks(plain, "lunge") + 0.05


@pytest.mark.parametrize("runtime", ["eager", "onnxruntime"])
def test_every_runtime_gives_the_same_keypoints(runtime: str) -> None:
    image = next(stage(Plan(seed=5, subject=1, activity="wave", take=0)).images())
    usual = {"rotation_fallback_threshold": 0.0}
    (here,), (there,) = (PoseEstimator(**usual, runtime=r).predict([image])[0] for r in ("openvino", runtime))
    np.testing.assert_allclose(here.xy, there.xy, atol=0.05)


def test_what_is_around_the_network_is_described() -> None:
    usual = PoseEstimator().describe()
    assert usual["refine"]["checkpoint"] == "lightning"
    assert usual["small_people"]["long_edge_px"] == 641
    plain = PoseEstimator(**PLAIN).describe()
    assert not {"refine", "small_people"} & set(plain)
    fingerprints = {pose_fingerprint(described, LabelParams()) for described in (usual, plain)}
    assert len(fingerprints) == 2


def test_auto_means_the_embedded_checkpoint_of_openpifpaf() -> None:
    assert not {"refine", "small_people"} & set(PoseEstimator("posenet").describe())
    assert "refine" in PoseEstimator("posenet", refine="movenet").describe()
    assert "small_people" not in PoseEstimator(long_edge_px=641).describe()


def test_a_backend_of_other_keypoints_says_so() -> None:
    with pytest.raises(
        InputError, match=r"label.refine: movenet poses people of skeleton coco-17 .* not those of blazepose"
    ):
        PoseEstimator("blazepose", refine="movenet").load()
    with pytest.raises(InputError, match=r"not those of movenet: set it to null"):
        PoseEstimator("movenet", refine="movenet").load()
