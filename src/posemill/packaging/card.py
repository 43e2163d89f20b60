"""Model card: intended use, training data, metrics, gates, calibration, limitations and licences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.features.verdict import taught

LIMITATIONS = """\
- Not every activity that it was not taught is “none of these”: one of the activities above may be predicted.
- Evaluated on the held-out subjects above. Other cameras, angles, ages, clothes or ways of moving may do worse.
- The input is keypoints only, without objects and surroundings. Keypoints of another labeller are out of distribution.
- `analyse_video` predicts for everybody in shot; its verdict is about the main subject, who moves and is most in view.
- Not a medical or safety device."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Content of a model card.

    subjects  split → activity → (clips, subjects).
    metrics   metrics.json of evaluate; labeller, digests and classes (activities) are those of the package.
    external  newest evaluation of this network on external videos; None if there is none.
    split_by  what tells the test split from training; shared_subjects: number of those in it who are in another too.
    """

    classes: Sequence[str]
    subjects: Mapping[str, Mapping[str, tuple[int, int]]]
    datasets: Sequence[str]
    metrics: Mapping[str, Any]
    gates: Sequence[str]
    temperature: float
    labeller: Mapping[str, Any]
    network: Mapping[str, Any]
    features: Mapping[str, Any]
    digests: Mapping[str, str | None]
    external: Mapping[str, Any] | None = None
    split_by: str = "subject"
    shared_subjects: int = 0

    @classmethod
    def gather(
        cls, build: Path, package: Path, metrics: Mapping[str, Any], gates: Sequence[str], network: Path
    ) -> CardFacts:
        """Read the stages' folders under `build`, the files of the package and the folder of its network."""
        import pandas as pd

        from posemill.settings import Settings

        index = pd.read_parquet(build / "prepare" / "index.parquet")
        clips = pd.read_parquet(build / "validate" / "clips.parquet")
        prepared = build / "prepare" / "result.json"
        tested = index["split"] == "test"
        counted = index.groupby(["split", "activity"])[["clip", "subject"]].nunique()
        subjects: dict[str, dict[str, tuple[int, int]]] = {}
        for (split, activity), row in counted.iterrows():
            subjects.setdefault(str(split), {})[str(activity)] = (int(row["clip"]), int(row["subject"]))
        return cls(
            classes=taught(_json(package / "classes.json")),
            subjects=subjects,
            datasets=sorted(clips["dataset"].dropna().unique()) if "dataset" in clips else [],
            metrics=metrics,
            gates=gates,
            temperature=_json(package / "calibration.json")["temperature"],
            labeller=_json(package / "labeller.json"),
            network=_json(network / "network.json"),
            features=_json(package / "features.json"),
            digests=_json(package / "digests.json"),
            external=newest_external(
                Settings.from_env().home / "external-videos", _json(package / "digests.json").get("weights")
            ),
            split_by=_json(prepared).get("split_by", "subject") if prepared.is_file() else "subject",
            shared_subjects=len(set(index.loc[tested, "subject"]) & set(index.loc[~tested, "subject"])),
        )


def markdown(facts: CardFacts) -> str:
    """Write the card as Markdown."""
    window = facts.features["window"]
    unit = "whole clips" if window["sampling"] == "clip" else f"windows of {window['duration_s']:g} s"
    inputs = f"{unit}, {window['frames']} poses of `{facts.features['skeleton']['name']}` each"
    inputs += ", in x, y and z" if facts.features.get("coordinates") == 3 else ""
    parts = [
        f"# Activity model {str(facts.digests.get('model'))[:12]}",
        f"Classifies the activity of a person ({len(facts.classes)} classes) from keypoints over time. Input: "
        f"{inputs}; the network is {_network(facts.network)}, run by ONNX Runtime.",
        f"**Activities:** {', '.join(facts.classes)}",
        "## Training data",
        f"Datasets: {', '.join(facts.datasets) or 'not named'}. {_split(facts)}",
        _data_table(facts),
        "## Metrics on the test split",
        _table(["metric", "value", "95 % confidence interval"], metric_rows(facts.metrics)),
        "## External videos",
        _external(facts.external),
        "## Gates",
        "\n".join(f"- {says}" for says in facts.gates) or "None is set.",
        "## Calibration",
        f"Temperature scaling: logits are divided by {facts.temperature:.3g}, fitted on the validation split.",
        "## Activities that it was not taught",
        _open_set(facts.metrics),
        "## Pose estimator",
        _labeller(facts.labeller),
        "## Limitations",
        LIMITATIONS,
        "## Licences",
        _licences(facts.labeller),
        "## Digests (SHA-256)",
        _table(["file", "digest"], [[k, f"`{v}`"] for k, v in facts.digests.items() if v]),
    ]
    return "\n\n".join(parts) + "\n"


def metric_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Rows of scalar metrics: name, value and confidence interval (`<metric>_low` to `<metric>_high`).

    Examples:
        >>> metric_rows({"accuracy": 0.9, "accuracy_low": 0.7, "accuracy_high": 0.97, "clips": 12})
        [['accuracy', '0.900', '0.700 – 0.970'], ['clips', '12', '']]
    """
    rows = []
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or name.endswith(("_low", "_high")):
            continue
        ends = [metrics.get(f"{name}_{side}") for side in ("low", "high")]
        between = f"{ends[0]:.3f} – {ends[1]:.3f}" if None not in ends else ""
        rows.append([name.replace("_", " "), f"{value:.3f}" if isinstance(value, float) else str(value), between])
    return rows


def newest_external(folder: Path, weights: str | None) -> dict[str, Any] | None:
    """Return the newest evaluation on external videos in a folder, for the network with this digest of weights."""
    for path in sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime_ns, reverse=True):
        result: dict[str, Any] = _json(path)
        if weights and result.get("weights") == weights and result["top1"] is not None:
            return result
    return None


def _network(network: Mapping[str, Any]) -> str:
    members = [f"`{m['name']}`" for m in network.get("hyper", {}).get("members", [])]
    return f"an ensemble of {', '.join(members)}" if members else f"`{network['name']}`"


def _external(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return "Not measured: run `posemill evaluate --videos` on a folder of external videos, then package again."
    changed = ", ".join(f"{change} {share:.0%}" for change, share in result["agreement"].items())
    unknown = f"; {result['unknown']} more show unknown activities" if result["unknown"] else ""
    return (
        f"**{result['top1']:.1%}** top-1 accuracy: {result['right']} of {result['clips']} videos (95 % confidence "
        f"interval {result['low']:.0%} to {result['high']:.0%}), end to end, with estimated keypoints{unknown}."
        + (f" Consistency: {changed}." if changed else "")
    )


def _split(facts: CardFacts) -> str:
    """Split of the data, and what its figures say of people who were never seen."""
    if not facts.shared_subjects:
        return f"Splits are by {facts.split_by}."
    return (
        f"**Splits are by {facts.split_by}: {facts.shared_subjects} subjects of the test split are in training too.** "
        f"The figures below say how well another {facts.split_by} is dealt with, not people who were never seen."
    )


def _data_table(facts: CardFacts) -> str:
    splits = [s for s in ("train", "validation", "test") if s in facts.subjects]
    recall = facts.metrics.get("recall", {})
    rows = [
        [
            activity,
            *(_clips_of(facts.subjects[split].get(activity)) for split in splits),
            f"{recall[activity]:.2f}" if recall.get(activity) is not None else "not measured",
        ]
        for activity in facts.classes
    ]
    return _table(["activity", *splits, "recall on the test split"], rows)


def _open_set(metrics: Mapping[str, Any]) -> str:
    if "known_accepted" not in metrics:
        return "It names one of its activities whatever a person does: it has no open-set score."
    said = f"The verdict is “none of these”: on the test split {1 - metrics['known_accepted']:.1%} of the clips get it."
    if metrics.get("auroc_unknown") is None:
        return f"{said} How many clips of other activities get it was not measured (`prepare.unknown` is empty)."
    return (
        f"{said} Of {metrics['unknown_clips']} clips of other activities {metrics['unknown_rejected']:.1%} get it; "
        f"AUROC of known against unknown clips {metrics['auroc_unknown']:.3f} (95 % confidence interval "
        f"{metrics['auroc_unknown_low']:.3f} to {metrics['auroc_unknown_high']:.3f})."
    )


def _clips_of(counts: tuple[int, int] | None) -> str:
    return f"{counts[0]} clips, {counts[1]} subjects" if counts else "none"


def _labeller(labeller: Mapping[str, Any]) -> str:
    estimator = f"`{labeller.get('backend')}` with checkpoint `{labeller.get('checkpoint')}`"
    if labeller.get("describes") is None:
        return f"Training keypoints were imported. Videos are posed by {estimator}, on which the model was not trained."
    return f"Training data and videos are posed by {estimator}, fingerprint `{str(labeller.get('fingerprint'))[:16]}`."


def _licences(labeller: Mapping[str, Any]) -> str:
    from posemill.estimation.licence import OWN, licence, obligations

    backend = labeller.get("backend")
    own = f"The activity model and the small service (`posemill-activity`) are {OWN}, like posemill itself."
    posed = [f"`posemill-analysis` is {licence(backend)}. {obligations(backend)}"] if backend else []
    return "\n".join([own, *posed, "Videos and labels keep the licences of their owners."])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _json(path: Path) -> Any:
    return json.loads(path.read_text())
