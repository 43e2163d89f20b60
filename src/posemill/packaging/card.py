"""The model card: what the model is, what it was made of, how good it is, and where it should not be trusted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMITS = """\
- It knows the activities above and no others: whatever a person does, one of them is answered. Look at the probability.
- It was judged on the held-out subjects above. Other cameras, angles, ages, clothes or ways of moving may do worse.
- It sees keypoints only: no objects, no surroundings. Keypoints of another labeller differ from those it learnt.
- `analyse_video` answers for everybody in shot, and gives its verdict over the person who moves and is most in view.
- It is no medical or safety device."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card is written from.

    subjects  split → activity → (clips, subjects).
    metrics   metrics.json of evaluate; labeller, digests and classes are those of the package.
    external  the newest run of `posemill evaluate --videos` with this network; None where there was none.
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

    @classmethod
    def gather(
        cls, build: Path, package: Path, metrics: Mapping[str, Any], gates: Sequence[str], network: Path
    ) -> Facts:
        """From the stages' folders under `build`, the files of the package and the folder of its network."""
        import pandas as pd

        from posemill.settings import Settings

        index = pd.read_parquet(build / "prepare" / "index.parquet")
        clips = pd.read_parquet(build / "validate" / "clips.parquet")
        counted = index.groupby(["split", "activity"])[["clip", "subject"]].nunique()
        subjects: dict[str, dict[str, tuple[int, int]]] = {}
        for (split, activity), row in counted.iterrows():
            subjects.setdefault(str(split), {})[str(activity)] = (int(row["clip"]), int(row["subject"]))
        return cls(
            classes=_json(package / "classes.json"),
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
        )


def markdown(facts: Facts) -> str:
    """The card, as Markdown."""
    window = facts.features["window"]
    length = "whole clips" if window["sampling"] == "clip" else f"windows of {window['duration_s']:g} s"
    takes = f"{length}, {window['frames']} poses of `{facts.features['skeleton']['name']}` each"
    takes += ", in x, y and z" if facts.features.get("coordinates") == 3 else ""
    parts = [
        f"# Activity model {str(facts.digests.get('model'))[:12]}",
        f"Says which of {len(facts.classes)} activities a person does, from keypoints over time. It takes {takes}; "
        f"the network is {_network(facts.network)}, run by ONNX Runtime.",
        f"**Activities:** {', '.join(facts.classes)}",
        "## Data",
        f"Datasets: {', '.join(facts.datasets) or 'not named'}. No subject is in two splits.",
        _data_table(facts),
        "## Figures on the test split",
        _table(["figure", "value", "95 % interval"], figures(facts.metrics)),
        "## Videos from anywhere",
        _external(facts.external),
        "## Gates",
        "\n".join(f"- {says}" for says in facts.gates) or "None was switched on.",
        "## Calibration",
        f"Logits are divided by {facts.temperature:.3g}, found on the validation split, before they become "
        "probabilities.",
        "## Keypoints",
        _labeller(facts.labeller),
        "## Limits",
        LIMITS,
        "## Licences",
        _licences(facts.labeller),
        "## Digests (SHA-256)",
        _table(["what", "digest"], [[k, f"`{v}`"] for k, v in facts.digests.items() if v]),
    ]
    return "\n\n".join(parts) + "\n"


def figures(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Rows of the plain figures; `<figure>_low` and `<figure>_high` are the ends of its interval."""
    rows = []
    for name, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or name.endswith(("_low", "_high")):
            continue
        ends = [metrics.get(f"{name}_{side}") for side in ("low", "high")]
        between = f"{ends[0]:.3f} – {ends[1]:.3f}" if None not in ends else ""
        rows.append([name.replace("_", " "), f"{value:.3f}" if isinstance(value, float) else str(value), between])
    return rows


def newest_external(folder: Path, weights: str | None) -> dict[str, Any] | None:
    """The newest result of `posemill evaluate --videos` in a folder, of the network whose weights have this digest."""
    for path in sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime_ns, reverse=True):
        found: dict[str, Any] = _json(path)
        if weights and found.get("weights") == weights and found["top1"] is not None:
            return found
    return None


def _network(network: Mapping[str, Any]) -> str:
    members = [f"`{m['name']}`" for m in network.get("hyper", {}).get("members", [])]
    return f"an ensemble of {', '.join(members)}" if members else f"`{network['name']}`"


def _external(external: Mapping[str, Any] | None) -> str:
    if external is None:
        return "Not measured: `posemill evaluate --videos FOLDER` with videos of these activities, then package again."
    changed = ", ".join(f"{way} {share:.0%}" for way, share in external["agreement"].items())
    not_known = external["unknown"]
    unknown = f"; {not_known} more show activities that the model does not know" if not_known else ""
    return (
        f"**{external['top1']:.1%}** top-1: {external['right']} of {external['clips']} videos right (95 % interval "
        f"{external['low']:.0%} to {external['high']:.0%}), through everything from the picture to the verdict, "
        f"with keypoints that the labeller found{unknown}." + (f" Same verdict: {changed}." if changed else "")
    )


def _data_table(facts: Facts) -> str:
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
    return _table(["activity", *splits, "found in the test split"], rows)


def _clips_of(counted: tuple[int, int] | None) -> str:
    return f"{counted[0]} clips, {counted[1]} subjects" if counted else "none"


def _labeller(labeller: Mapping[str, Any]) -> str:
    how = f"`{labeller.get('backend')}` with checkpoint `{labeller.get('checkpoint')}`"
    if labeller.get("describes") is None:
        return f"Keypoints of the training data came with it. Videos are posed by {how}, on which it was not trained."
    return f"Training data and videos are posed by {how}, fingerprint `{str(labeller.get('fingerprint'))[:16]}`."


def _licences(labeller: Mapping[str, Any]) -> str:
    from posemill.estimation.licence import OWN, licence, obligations

    backend = labeller.get("backend")
    own = f"The activity model and the small service (`posemill-activity`) are {OWN}, like posemill itself."
    posed = [f"`posemill-analysis` is {licence(backend)}. {obligations(backend)}"] if backend else []
    return "\n".join([own, *posed, "Videos and labels keep their owners' licences."])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _json(path: Path) -> Any:
    return json.loads(path.read_text())
