"""`posemill backends` and `posemill compare-backends`: the pose networks, and their agreement."""

from __future__ import annotations

import json
from itertools import combinations
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.errors import InputError, PosemillError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posemill.estimation.agreement import Agreement, BackendRun
    from posemill.estimation.registry import BackendEntry
    from posemill.params.label import LabelParams

COLUMNS = ("backend", "people", "skeleton", "code_licence", "state")
CELL_PX = 320


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the weights' origin.")
def backends(as_json: bool) -> None:
    """Pose backends: licences, where their weights come from, and what is missing.

    \b
    The name goes into params.yaml as label.backend. Mind the licence of what you build upon: AGPL-3.0 obliges whoever
    offers the software over a network, weights have licences of their own:
      posemill backends
      posemill backends --json
    """
    from posemill.cli.output import table
    from posemill.estimation.registry import BACKENDS

    rows = [_row(entry) for entry in BACKENDS.values()]
    if as_json:
        table(rows, (*COLUMNS, "weights_licence", "checkpoint", "weights_origin", "ready", "missing"), True, "")
        return
    table(rows, COLUMNS, False, "")
    click.echo()
    for row in rows:
        click.echo(f"{row['backend']}: {row['weights_origin']}; weights' licence: {row['weights_licence']}")
        if row["missing"]:
            click.echo(f"  → {row['missing']}")


def _row(entry: BackendEntry) -> dict[str, Any]:
    missing = entry.missing()
    return {
        "backend": entry.name,
        "people": entry.people,
        "skeleton": entry.skeleton.name,
        "code_licence": entry.code_licence,
        "weights_licence": entry.weights_licence,
        "weights_origin": entry.weights_origin,
        "checkpoint": entry.checkpoint,
        "ready": not missing,
        "state": "missing" if missing else "ready",
        "missing": missing,
    }


@click.command("compare-backends")
@click.argument("sources", nargs=-1, required=True, metavar="CLIP...")
@click.option("--backend", "names", multiple=True, help="NAME or NAME=CHECKPOINT; again for more. Default: all ready.")
@click.option("--frames", default=12, show_default=True, type=click.IntRange(1, 500), help="Pictures in all.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("backends.png"), show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def compare_backends(sources: tuple[str, ...], names: tuple[str, ...], frames: int, out: Path, as_json: bool) -> None:
    """Run several backends on the same pictures: agreement, speed, and a contact sheet.

    \b
    CLIP is a video file, a clip (its number) or a medium (the beginning of its digest). Rows of the sheet are pictures,
    columns backends. Agreement is the object keypoint similarity (OKS) between what two backends found:
      posemill compare-backends squat.mp4
      posemill compare-backends 12 5c7fd90a --backend posenet --backend openpose --frames 20
    """
    from posemill.estimation.agreement import agreement

    images = [image for n, source in enumerate(sources) for image in _pictures(source, _share(frames, n, len(sources)))]
    runs, failed = _runs(names, images)
    if not runs:
        raise InputError(f"no backend ran: {'; '.join(f'{name}: {why}' for name, why in failed.items())}")
    pairs = [agreement(a, b) for a, b in combinations(runs, 2)]
    _sheet(runs, images, out)
    _report(runs, failed, pairs, len(images), out, as_json)


def _share(frames: int, number: int, sources: int) -> int:
    """Number of the pictures from that source: at least one."""
    return max(1, frames // sources + (number < frames % sources))


def _pictures(source: str, count: int) -> list[NDArray[np.uint8]]:
    """Pictures from the middles of equal parts of a file, a medium or a clip."""
    from posemill.video.sandboxed import probe_sandboxed, read_frame_sandboxed

    path, start_s, end_s = _locate(source)
    span_s = min(end_s, probe_sandboxed(path).duration_s) - start_s
    return [read_frame_sandboxed(path, start_s + (i + 0.5) / count * span_s).image for i in range(count)]


def _locate(source: str) -> tuple[Path, float, float]:
    """Video file, and the range in seconds."""
    if Path(source).is_file():
        return Path(source), 0.0, float("inf")
    from posemill.cli.tracks import find
    from posemill.settings import Settings
    from posemill.store.media import MediaStore

    settings = Settings.from_env()
    medium, start_s, end_s = find(settings, source)
    if medium["kind"] != "video":
        raise InputError(f"medium {medium['digest'][:12]} has keypoints only: there is no picture to pose")
    return MediaStore(settings.store_url).fetch(medium["digest"]), start_s, end_s


def _runs(names: tuple[str, ...], images: list[NDArray[np.uint8]]) -> tuple[list[BackendRun], dict[str, str]]:
    """Run every backend; also the reason for each that could not be loaded."""
    from posemill.estimation.agreement import run_backend
    from posemill.estimation.estimator import PoseEstimator
    from posemill.estimation.registry import BACKENDS, find_backend

    wanted = names or tuple(name for name, entry in BACKENDS.items() if entry.ready)
    chosen = {name: (find_backend(name.split("=")[0]), name.partition("=")[2]) for name in wanted}
    section, runs, failed = _section(), [], {}
    for name, (entry, checkpoint) in chosen.items():
        try:
            settings = {"checkpoint": checkpoint, "checkpoint_sha256": None} if checkpoint else {}
            estimator = PoseEstimator(entry.name, params=section, **settings)
            runs.append(run_backend(name, estimator, images))
        except PosemillError as exc:
            failed[name] = str(exc)
    return runs, failed


def _section() -> LabelParams:
    """The workspace's parameters; the defaults where there is no workspace."""
    from posemill import params
    from posemill.params.label import LabelParams
    from posemill.settings import Settings

    path = Settings.from_env().workspace / "params.yaml"
    return params.load(path).label if path.is_file() else LabelParams()


def _sheet(runs: list[BackendRun], images: list[NDArray[np.uint8]], out: Path) -> None:
    from posemill.video.draw import contact_sheet, draw_poses, write_png

    cells, captions = [], []
    for number, image in enumerate(images):
        for run in runs:
            poses = run.poses[number]
            cells.append(draw_poses(image, [(p.xy, p.confidence) for p in poses], run.skeleton))
            captions.append(f"{run.name}: {len(poses)}")
    height, width = images[0].shape[:2]
    write_png(out, contact_sheet(cells, len(runs), captions, cell_px=(CELL_PX, round(CELL_PX * height / width))))


def _report(
    runs: list[BackendRun], failed: dict[str, str], pairs: list[Agreement], pictures: int, out: Path, as_json: bool
) -> None:
    from posemill.cli.output import table

    rows = [{"backend": v.name, "skeleton": v.skeleton.name, "people": v.people, "ms": round(v.ms, 1)} for v in runs]
    both = [
        {
            "backend": p.first,
            "other": p.second,
            "keypoints": p.keypoints,
            "same": p.same,
            "share": round(p.share, 3),
            "mean_oks": round(p.mean_oks, 3) if isfinite(p.mean_oks) else None,
        }
        for p in pairs
    ]
    if as_json:
        answer = {"pictures": pictures, "backends": rows, "pairs": both, "failed": failed, "sheet": str(out)}
        click.echo(json.dumps(answer))
        return
    table(rows, ("backend", "skeleton", "people", "ms"), False, "")
    click.echo()
    table(
        both, ("backend", "other", "keypoints", "same", "share", "mean_oks"), False, "one backend: nothing to compare"
    )
    for name, reason in failed.items():
        click.echo(f"{name} did not run: {reason}", err=True)
    click.echo(f"{out}: {pictures} pictures, one column a backend")
