"""Run reports: a Markdown artifact in Prefect, a table of figures at the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flows._dvc import StageRun, figures
from posemill.stages.figures import reports
from posemill.stages.workspace import Workspace


def markdown(runs: Sequence[StageRun], workspace: Workspace) -> str:
    """Table of stages (outcome, seconds, figures or the reason of a failure) and links to the reports."""
    rows = ["| stage | outcome | seconds | summary |", "|---|---|---:|---|"]
    rows += [f"| {r.stage} | {r.outcome} | {r.seconds:.1f} | {_cell(r.reason or plain(r.figures))} |" for r in runs]
    links = [f"- [{name}]({path.as_uri()})" for name, path in reports(workspace).items()]
    return "\n".join([*rows, "", *links, ""])


def plain(named: dict[str, Any]) -> str:
    """`clips 96, accuracy 0.938`: figures as one line."""
    return ", ".join(f"{key.replace('_', ' ')} {_number(figure)}" for key, figure in named.items())


def stage_rows(workspace: Workspace, stages: Iterable[str]) -> list[tuple[str, str]]:
    """(stage, its figures) of every stage that has run, then (report, path)."""
    rows = [(stage, plain(found)) for stage in stages if (found := figures(workspace, stage))]
    return [*rows, *((name, str(path.relative_to(workspace.root))) for name, path in reports(workspace).items())]


def _number(figure: Any) -> str:
    return f"{figure:.4g}" if isinstance(figure, float) else str(figure)


def _cell(text: str) -> str:
    """Text that cannot break a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
