from __future__ import annotations

from packaged import fitted_features
from posemill.packaging.card import Facts, figures, markdown

FACTS = Facts(
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


def test_figures_have_their_intervals() -> None:
    assert figures(FACTS.metrics) == [["accuracy", "0.900", "0.700 – 0.970"], ["clips", "12", ""]]


def test_the_card_says_what_a_reader_needs() -> None:
    card = markdown(FACTS)
    for wanted in (
        "rest, wave", "| wave | 6 clips, 3 subjects | none | not measured |", "| rest | 4 clips, 2 subjects | 1 clips",
        "0.700 – 0.970", "at least 0.8", "AGPL-3.0", "1.25", "windows of 1 s, 12 poses of `body-12`", "a" * 64,
        "`openpifpaf` with checkpoint `posenet`", "Datasets: synthetic",
    ):  # fmt: skip
        assert wanted in card, wanted
    assert "None" not in card


def test_imported_keypoints_are_named_as_such() -> None:
    from dataclasses import replace

    card = markdown(replace(FACTS, labeller={**FACTS.labeller, "describes": None}))
    assert "on which it was not trained" in card
