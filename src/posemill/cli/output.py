"""Output of commands: one line or JSON, tables, progress bars on stderr."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click


def modes(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --quiet and --json to a command (as arguments `quiet` and `as_json`)."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    return click.option("--quiet", is_flag=True, help="Print errors only.")(command)


def page(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --after and --limit to a command that lists rows by number."""
    positive = click.IntRange(min=1)
    command = click.option("--limit", type=positive, help="At most so many.")(command)
    return click.option("--after", type=click.IntRange(min=0), help="Only what comes after this number.")(command)


def say(figures: Mapping[str, Any], quiet: bool, as_json: bool) -> None:
    """Print the result of a command: one line of text, or one JSON object."""
    if as_json:
        click.echo(json.dumps(figures, default=plain))
    elif not quiet:
        click.echo(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))


def table(rows: Sequence[Any], columns: Iterable[str], as_json: bool, empty: str) -> None:
    """Print rows (mappings) as an aligned table with a header, or as JSON lines.

    empty  printed on stderr if there are no rows.
    """
    names = list(columns)
    if as_json:
        for row in rows:
            click.echo(json.dumps({name: row[name] for name in names}, default=plain))
        return
    if not rows:
        click.echo(empty, err=True)
        return
    cells = [names, *([_short(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def plain(value: Any) -> Any:
    """Convert a value that JSON lacks: times in ISO form, everything else as text."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return f"{value:.2f}"
    text = str(value)
    return text[:12] if len(text) == 64 and set(text) <= set("0123456789abcdef") else text


@contextmanager
def progress(description: str, total: float | None, quiet: bool) -> Iterator[Callable[[], None]]:
    """Progress bar on stderr; the yielded function advances it. Nothing is drawn if quiet or without a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(description, total=total)
        yield lambda: bar.advance(task)
