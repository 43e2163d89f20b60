"""What a run shows: a Markdown artifact in Prefect, a table of figures at the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flows._dvc import StageRun, figures
from posemill.stages.workspace import Workspace

# what a reader opens, in the order of the graph
REPORTS = {
    "Exploration of the data": "validate/exploration.html",
    "Validation (Data Docs)": "validate/docs/index.html",
    "Evaluation": "evaluate/report.html",
    "Model card": "package/card.md",
}


def reports(workspace: Workspace) -> dict[str, Path]:
    """The reports that exist, by name."""
    found = {name: workspace.root / "build" / path for name, path in REPORTS.items()}
    return {name: path for name, path in found.items() if path.exists()}


def markdown(runs: Sequence[StageRun], workspace: Workspace) -> str:
    """Table of stages (outcome, seconds, figures or the reason of a failure) and links to the reports."""
    rows = ["| stage | outcome | seconds | summary |", "|---|---|---:|---|"]
    rows += [f"| {r.stage} | {r.outcome} | {r.seconds:.1f} | {_cell(r.reason or plain(r.figures))} |" for r in runs]
    links = [f"- [{name}]({path.as_uri()})" for name, path in reports(workspace).items()]
    return "\n".join([*rows, "", *links, ""])


def plain(named: dict[str, Any]) -> str:
    """`clips 96, accuracy 0.938`: figures as one line."""
    return ", ".join(f"{key.replace('_', ' ')} {_number(figure)}" for key, figure in named.items())


def final_table(workspace: Workspace, stages: Iterable[str]) -> str:
    """Every stage with the figures of its result.json, and where the reports are, for the terminal."""
    rows = [(stage, plain(found)) for stage in stages if (found := figures(workspace, stage))]
    rows += [(name, str(path.relative_to(workspace.root))) for name, path in reports(workspace).items()]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _number(figure: Any) -> str:
    return f"{figure:.4g}" if isinstance(figure, float) else str(figure)


def _cell(text: str) -> str:
    """Text that cannot break a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
