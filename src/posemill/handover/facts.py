"""Facts of a project, read once from the workspace: what its documentation and its ML-BOM say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.estimation.registry import two_stages
from posemill.features.verdict import taught
from posemill.handover.code import Code
from posemill.handover.lineage import read_clips, read_media, read_verdicts
from posemill.handover.registry import Registry
from posemill.packaging.card import LIMITATIONS, newest_external
from posemill.stages.workspace import Workspace


@dataclass(frozen=True)
class ActivityFigures:
    """Clips of an activity by split, and how many of the test split are right.

    mistaken_for  activity of the most frequent error; empty without errors.
    """

    name: str
    train: int
    validation: int
    test: int
    right: int
    mistaken_for: str


@dataclass(frozen=True)
class ProjectFacts:
    """Everything that is said about a project.

    results   result.json by stage; metrics: metrics.json of evaluate; external: newest figures of external videos.
    splits    split → (clips, subjects); windows: split → number.
    tags      of bentos and model; code: where the code is from.
    """

    activities: tuple[ActivityFigures, ...]
    results: Mapping[str, Mapping[str, Any]]
    metrics: Mapping[str, Any]
    external: Mapping[str, Any] | None
    labeller: Mapping[str, Any]
    network: Mapping[str, Any]
    features: Mapping[str, Any]
    digests: Mapping[str, Any]
    tags: Mapping[str, str]
    splits: Mapping[str, tuple[int, int]]
    datasets: Mapping[str, int]
    media: int
    duration_s: float
    registry: Registry
    code: Code

    @property
    def pose_networks(self) -> tuple[str, ...]:
        """Names of the pose backend and, where every person is posed again in a crop, of the second one."""
        name, checkpoint = (str(self.labeller.get(key)) for key in ("backend", "checkpoint"))
        refined = two_stages(name, checkpoint, (self.labeller.get("params") or {}).get("refine"))
        return (name, "movenet") if refined else (name,)

    @classmethod
    def gather(
        cls, inputs: Workspace, network: Path, registry: Registry, code: Code, tags: Mapping[str, str]
    ) -> ProjectFacts:
        """Read the outputs of all stages; `network` is the folder of the network that was judged."""
        clips, media, package = read_clips(inputs), read_media(inputs), inputs.output("package")
        splits = {
            str(split): (len(rows["clip"].unique()), len(rows["subject"].unique()))
            for (split,), rows in clips.group_by("split")
        }
        results = {path.parent.name: _json(path) for path in sorted((inputs.root / "build").glob("*/result.json"))}
        digests = _json(package / "digests.json")
        return cls(
            activities=_activities(inputs, taught(_json(package / "classes.json"))),
            results=results,
            metrics=_json(inputs.output("evaluate") / "metrics.json"),
            external=newest_external(inputs.root / "build" / "external", digests.get("weights")),
            labeller=_json(package / "labeller.json"),
            network=_json(network / "network.json"),
            features=_json(package / "features.json"),
            digests=digests,
            tags=tags,
            splits=splits,
            datasets=dict(sorted(Counter(clips["dataset"].fill_null("not named")).items())),
            media=len(media),
            duration_s=float(media["duration_s"].sum()) if "duration_s" in media.columns else 0.0,
            registry=registry,
            code=code,
        )

    @property
    def limitations(self) -> list[str]:
        """Sentences about what the model cannot do, or what was not measured."""
        said = [line.removeprefix("- ") for line in LIMITATIONS.splitlines()]
        if self.external is None:
            said.append("It was not measured on videos from outside the data set.")
        if self.metrics.get("auroc_unknown") is None:
            said.append("How often it says “none of these” of activities that it was not taught was not measured.")
        subjects = self.splits.get("test", (0, 0))[1]
        said.append(f"The test split has {subjects} subjects: the interval by subject says how little that is.")
        return said

    def model_facts(self, version: str) -> dict[str, Any]:
        """As posemill.handover.bills writes them into the ML-BOM."""
        window, m = self.features["window"], self.metrics
        return {
            "version": version,
            "description": f"activity of a person from keypoints over time, {len(self.activities)} classes",
            "task": "skeleton-based activity recognition",
            "architecture": "temporal network on keypoints",
            "network": self.network["name"],
            "input": f"windows (N, {window['frames']}, keypoints, 3) of {self.features['skeleton']['name']}",
            "output": "logits of activities, the last one “none of these” where the model has an open-set score",
            "datasets": {n: (c, self.registry.licences.get(n) or "not stated") for n, c in self.datasets.items()},
            "metrics": {
                "accuracy": (m["accuracy"], (m["accuracy_low"], m["accuracy_high"])),
                "macro F1": (m["macro_f1"], (m["macro_f1_low"], m["macro_f1_high"])),
                "expected calibration error": (m["ece"], None),
            },
            "limitations": self.limitations,
        }


def _activities(inputs: Workspace, names: list[str]) -> tuple[ActivityFigures, ...]:
    clips, verdicts = read_clips(inputs), read_verdicts(inputs).to_dicts()
    counts = Counter(zip(clips["activity"], clips["split"], strict=True))
    errors = Counter((v["activity"], v["predicted"]) for v in verdicts if v["activity"] != v["predicted"])
    rights = Counter(v["activity"] for v in verdicts if v["activity"] == v["predicted"])
    figures = []
    for name in names:
        worst = max(((n, other) for (actual, other), n in errors.items() if actual == name), default=(0, ""))
        train, validation, test = (counts[name, split] for split in ("train", "validation", "test"))
        figures.append(ActivityFigures(name, train, validation, test, rights[name], worst[1]))
    return tuple(figures)


def _json(path: Path) -> Any:
    return json.loads(path.read_text())
