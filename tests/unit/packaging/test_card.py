from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from packaged import fitted_features
from posemill.packaging.card import CardFacts, markdown, metric_rows, newest_external

FACTS = CardFacts(
    classes=["rest", "wave"],
    subjects={"train": {"rest": (4, 2), "wave": (6, 3)}, "test": {"rest": (1, 1)}},
    datasets=["synthetic"],
    metrics={"accuracy": 0.9, "accuracy_low": 0.7, "accuracy_high": 0.97, "clips": 12, "recall": {"rest": 1.0}},
    gates=["accuracy is 0.9, min_accuracy asks for at least 0.8"],
    temperature=1.25,
    labeller={"backend": "openpifpaf", "checkpoint": "posenet", "describes": {}, "fingerprint": "f" * 64},
    network={"name": "tcn"},
    features=fitted_features().to_json(),
    digests={"model": "a" * 64, "snapshot": None},
)


def test_metrics_have_their_confidence_intervals() -> None:
    assert metric_rows(FACTS.metrics) == [["accuracy", "0.900", "0.700 – 0.970"], ["clips", "12", ""]]


def test_the_card_says_what_a_reader_needs() -> None:
    card = markdown(FACTS)
    for wanted in (
        "rest, wave",
        "| wave | 6 clips, 3 subjects | none | not measured |",
        "| rest | 4 clips, 2 subjects | 1 clips",
        "0.700 – 0.970",
        "at least 0.8",
        "AGPL-3.0",
        "1.25",
        "windows of 1 s, 12 poses of `body-12`",
        "a" * 64,
        "`openpifpaf` with checkpoint `posenet`",
        "Datasets: synthetic",
    ):
        assert wanted in card, wanted
    assert "None" not in card


def test_an_ensemble_is_named_by_its_members() -> None:
    card = markdown(
        replace(FACTS, network={"name": "ensemble", "hyper": {"members": [{"name": "tcn"}, {"name": "stgcn"}]}})
    )
    assert "the network is an ensemble of `tcn`, `stgcn`, run by" in card


def test_external_videos_stand_beside_the_test_split(tmp_path: Path) -> None:
    run = {
        "weights": "b" * 64,
        "top1": 7 / 8,
        "right": 7,
        "clips": 8,
        "low": 0.529,
        "high": 0.978,
        "unknown": 1,
        "agreement": {"10 frames/s": 0.75},
    }
    for number, (right, weights) in enumerate([(1, "b"), (7, "b"), (3, "c"), (0, "b")]):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({**run, "right": right, "weights": weights * 64, "top1": right / 8 or None}))
        os.utime(path, (number, number))
    found = newest_external(tmp_path, "b" * 64)
    assert found is not None
    assert found["right"] == 7
    card = markdown(replace(FACTS, external=found))
    for wanted in ("**87.5%** top-1 accuracy: 7 of 8", "53% to 98%", "1 more show", "Consistency: 10 frames/s 75%."):
        assert wanted in card, wanted
    assert newest_external(tmp_path, "d" * 64) is None
    assert newest_external(tmp_path / "none", "b" * 64) is None
    assert newest_external(tmp_path, None) is None
    assert "Not measured" in markdown(FACTS)


def test_imported_keypoints_are_named_as_such() -> None:
    card = markdown(replace(FACTS, labeller={**FACTS.labeller, "describes": None}))
    assert "on which the model was not trained" in card


def test_a_card_says_that_subjects_are_shared() -> None:
    assert "Splits are by subject." in markdown(FACTS)
    shared = markdown(replace(FACTS, split_by="camera", shared_subjects=12))
    assert "Splits are by camera: 12 subjects of the test split are in training too" in shared
    assert "not people who were never seen" in shared
