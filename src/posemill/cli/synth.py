"""`posemill synth`: a corpus of rendered people, for demos, tests and activities that nobody can film."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.renamed import renamed_option

if TYPE_CHECKING:
    from posemill.synth.corpus import Plan
    from posemill.synth.pool import Rendered


@click.command()
@click.option("--subjects", default=12, show_default=True, type=click.IntRange(1), help="Number of subjects.")
@click.option(
    "--activities",
    default="usual",
    show_default=True,
    help="Names with commas between; or usual, sports, falls, everyday, yoga, gym, gestures, work, all.",
)
@click.option("--rename", default="", help="Rename activities, such as push_up=pushup,sit_up=situp.")
@renamed_option("--call", "--rename")
@click.option("--split", type=click.Choice(["train", "test"]), help="Official split of all clips; default: none.")
@click.option(
    "--clips-per-activity",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="Clips of an activity and subject.",
)
@renamed_option("--clips-per", "--clips-per-activity", type=click.IntRange(1))
@click.option(
    "--duration-s", type=click.FloatRange(0.5, 600), help="Length of every clip; default: as its activity usually is."
)
@click.option(
    "--fps", type=click.FloatRange(5, 60), help="Frames a second of every clip; default: 10 to 30, as cameras have."
)
@click.option("--seed", default=11, show_default=True, type=click.IntRange(0), help="The same seed, the same corpus.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write files here, add nothing to the database.",
)
@click.option("--quiet", is_flag=True, help="Only errors.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def synth(
    subjects: int,
    activities: str,
    rename: str,
    split: str | None,
    clips_per_activity: int,
    duration_s: float | None,
    fps: float | None,
    seed: int,
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Render people doing activities, as MP4 files with exact keypoints, and add them to the database.

    The same command again changes nothing; stopped early, it goes on where it was.

    \b
    Examples:
      posemill synth
      posemill synth --subjects 4 --activities squat,fall --clips-per-activity 2
      posemill synth --activities sports --rename sit_up=situp,pull_up=pullup --split train
      posemill synth --subjects 2 --activities squat --duration-s 15 --out rendered/
    """
    from posemill.operations import synth as stage
    from posemill.synth.activities import named
    from posemill.synth.corpus import plan

    labels = _labels(rename)
    plans = plan(seed, subjects, named(activities), clips_per_activity, duration_s, fps)
    silent = quiet or as_json
    if out is not None:
        with _progress(plans, silent) as report:
            stage.write_files(plans, out, report, labels)
        _say({"rendered": len(plans), "frames": report.frames, "folder": str(out)}, quiet, as_json)
        return
    new = _register(plans, labels, split, silent)
    _say({"clips": len(plans), "new": new[0], "frames": new[1]}, quiet, as_json)


def _register(plans: list[Plan], labels: dict[str, str], split: str | None, silent: bool) -> tuple[int, int]:
    """Render and register what is missing; number of new clips and of their frames."""
    from posemill.operations import synth as stage
    from posemill.settings import Settings
    from posemill.store.media import MediaStore
    from posemill.store.postgres import opened_engine

    settings = Settings.from_env()
    with opened_engine(settings) as engine:
        new = stage.missing(plans, engine)
        with _progress(new, silent) as report:
            stage.register(new, engine, MediaStore(settings.store_url), report, labels, split)
    return len(new), report.frames


def _labels(rename: str) -> dict[str, str]:
    """Parse `a=b,c=d`: labels in the database by the name of the rendered activity."""
    from posemill.synth.activities import named

    pairs = [pair.partition("=") for pair in rename.split(",") if pair.strip()]
    if wrong := ["".join(pair) for pair in pairs if not pair[2].strip()]:
        raise click.UsageError(f"--rename expects activity=label pairs with commas between, came {', '.join(wrong)}")
    named(",".join(name for name, _, _ in pairs))
    return {name.strip(): label.strip() for name, _, label in pairs}


class _Report:
    """Counts what is rendered, and moves the bar."""

    def __init__(self, advance: Callable[[], None]) -> None:
        self.frames, self._advance = 0, advance

    def __call__(self, clip: Rendered) -> None:
        self.frames += clip.truth.frames
        self._advance()


@contextmanager
def _progress(plans: list[Plan], silent: bool) -> Iterator[_Report]:
    """A bar on the terminal (nothing where there is none)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TextColumn("clips,"), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=silent or not plans or not console.is_terminal) as bar:
        task = bar.add_task("rendering", total=len(plans))
        yield _Report(lambda: bar.advance(task))


def _say(figures: dict[str, object], quiet: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures))
    elif not quiet:
        click.echo(", ".join(f"{name} {value}" for name, value in figures.items()))
