"""Data card of a project: what was collected, from whom, how it was checked and split."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posemill.handover.facts import ProjectFacts


def data_card(facts: ProjectFacts) -> str:
    """Return the data card as Markdown: what was collected, from whom, how it was checked and split."""
    r: Mapping[str, Any] = facts.results
    validate, prepare = r.get("validate", {}), r.get("prepare", {})
    lines = ["# Data card", "", "| data set | clips | licence |", "| --- | --- | --- |"]
    lines += [
        f"| {n} | {c} | {facts.registry.licences.get(n) or 'as its owner says'} |" for n, c in facts.datasets.items()
    ]
    lines += ["", f"{facts.media} media, {facts.duration_s / 60:.1f} minutes.", "", "## Splits", ""]
    lines += [
        f"Split by {prepare.get('split_by')}; {prepare.get('shared_subjects', 0)} subjects are in two splits.",
        "",
    ]
    lines += ["| split | clips | subjects |", "| --- | --- | --- |"]
    lines += [f"| {name} | {clips} | {subjects} |" for name, (clips, subjects) in sorted(facts.splits.items())]
    lines += ["", "## Clips by activity", "", "| activity | train | validation | test |", "| --- | --- | --- | --- |"]
    lines += [f"| {a.name} | {a.train} | {a.validation} | {a.test} |" for a in facts.activities]
    lines += ["", "## Checks", ""]
    lines += [
        f"{validate.get('expectations', 0)} expectations; rejected {validate.get('clips_rejected', 0)} clips and "
        f"{validate.get('tracks_rejected', 0)} tracks. Reasons are in workspace/build/validate/rejected.parquet."
    ]
    lines += [
        "",
        "## People",
        "",
        "Tracks are keypoints without pixels. Subjects are the names that the data set gives.",
    ]
    return "\n".join(lines) + "\n"
