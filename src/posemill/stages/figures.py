"""Summary of the last run as a short table; each figure comes from a stage's result.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posemill.stages.workspace import Workspace

REPORTS = {
    "exploration": "validate/exploration.html",
    "data docs": "validate/docs/index.html",
    "evaluation": "evaluate/report.html",
    "model card": "package/card.md",
    "acceptance": "accept/result.json",
}


def figures(workspace: Workspace, stage: str) -> dict[str, Any]:
    """A stage's result.json; empty before the stage ran."""
    try:
        found: dict[str, Any] = json.loads((workspace.output(stage) / "result.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def reports(workspace: Workspace) -> dict[str, Path]:
    """The reports that exist, by name."""
    paths = {name: workspace.root / "build" / path for name, path in REPORTS.items()}
    return {name: path for name, path in paths.items() if path.exists()}


def short_table(workspace: Workspace) -> list[tuple[str, str]]:
    """(what, figure) rows of the whole run, in the order of the graph; stages that did not run are left out."""
    rows = [
        ("clips", _clips(figures(workspace, "validate"))),
        ("frames", _frames(figures(workspace, "label"))),
        ("keypoints against truth", _keypoints(figures(workspace, "label"))),
        ("validation", _validation(figures(workspace, "validate"))),
        ("windows", _windows(figures(workspace, "prepare"))),
        ("network", _network(figures(workspace, "train"))),
        ("test accuracy", _accuracy(figures(workspace, "evaluate"))),
        ("bento", str(figures(workspace, "package").get("bento", ""))),
        ("acceptance", _acceptance(figures(workspace, "accept"))),
        *((name, str(path.relative_to(workspace.root))) for name, path in reports(workspace).items()),
    ]
    return [(what, figure) for what, figure in rows if figure]


def columns(rows: Sequence[tuple[str, str]]) -> str:
    """Two columns for the terminal."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _clips(validate: dict[str, Any]) -> str:
    return (validate and f"{validate['clips']} of {validate['activities']} activities") or ""


def _frames(label: dict[str, Any]) -> str:
    return (label and f"{label['frames']} in {label['media']} media, {label['poses']} poses") or ""


def _keypoints(label: dict[str, Any]) -> str:
    if label.get("mean_oks") is None:
        return ""
    return (
        f"mean OKS {label['mean_oks']:.2f}, {label['recall_at_oks_50']:.0%} of people found (OKS ≥ 0.5), "
        f"median error {label['median_error_torso']:.1%} of the torso"
    )


def _validation(validate: dict[str, Any]) -> str:
    if not validate:
        return ""
    return (
        f"passed, {validate['expectations']} expectations; set aside {validate['clips_rejected']} clips, "
        f"{validate['tracks_rejected']} tracks"
    )


def _windows(prepare: dict[str, Any]) -> str:
    if not prepare:
        return ""
    return f"{prepare['train']} train, {prepare['validation']} validation, {prepare['test']} test"


def _network(train: dict[str, Any]) -> str:
    if not train:
        return ""
    return f"{train['network']}, {train['parameters']} parameters, {train['epochs']} epochs in {train['seconds']:.0f} s"


def _accuracy(evaluate: dict[str, Any]) -> str:
    if not evaluate:
        return ""
    missing = evaluate.get("clips_without_prediction", evaluate.get("clips_unanswered", 0))  # its former name
    return (
        f"{evaluate['accuracy']:.1%} of {evaluate['clips']} clips, macro-F1 {evaluate['macro_f1']:.3f}; "
        f"{missing} more had nobody usable in them"
    )


def _acceptance(accept: dict[str, Any]) -> str:
    if not accept:
        return ""
    return f"{accept['right']} of {accept['clips']} held-out clips right through the service"
