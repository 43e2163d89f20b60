"""`posemill try`: name the activities of videos, with the packaged model or by a running service."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.errors import InputError, PosemillError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from posemill.prediction.schema import Person, Prediction

ADDRESS = "http://127.0.0.1:3000"
LONG_S = 1.0  # who is seen for less is often nobody, and is only counted


@click.command("try")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of another model.")
@click.option("--backend", help="Pose backend; default: the one that the model was tried with.")
@click.option("--overlay", type=click.Path(file_okay=False, path_type=Path), help="Folder for drawn videos.")
@click.option("--url", is_flag=False, flag_value=ADDRESS, help=f"Ask a service; without a value {ADDRESS}.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, with the whole answer.")
def try_(
    files: tuple[Path, ...],
    model: Path | None,
    backend: str | None,
    overlay: Path | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Name what people do in videos: of everybody an activity, its probability and a timeline.

    \b
    The model that comes with posemill needs no data, no database and no service; `posemill try --json` is for
    programs. A .npy file is taken as windows (N, T, K, 3) in pixels. With --url a running service is asked; where it
    wants a key, POSEMILL_KEY has it.
      posemill try clip.mp4 other.mov
      posemill try clip.mp4 --overlay drawn/
      posemill try clip.mp4 --model build/package
      posemill try clip.mp4 --url http://127.0.0.1:3000
    """
    predict = _local(model, backend, overlay) if url is None else _by_service(url, model, backend, overlay)
    failed = 0
    for file in files:
        started = time.monotonic()
        try:
            answer = predict(file)
        except PosemillError as exc:
            failed += 1
            answer = {"activity": None, "probability": None, "note": str(exc)}
        answer = {"file": str(file), "seconds": round(time.monotonic() - started, 2), **answer}
        click.echo(json.dumps(answer) if as_json else "\n".join(described(answer)))
    if failed:
        raise SystemExit(1)


def _local(model: Path | None, backend: str | None, overlay: Path | None) -> Callable[[Path], dict[str, Any]]:
    """Return what predicts with a model of this machine."""
    from posemill.operations.try_video import TryModel

    loaded = TryModel.load(model, backend)

    def predict(file: Path) -> dict[str, Any]:
        if file.suffix == ".npy":
            probabilities = loaded.model.predict_windows(_windows(file))
            return _of_windows(list(loaded.model.classes), probabilities.argmax(1).tolist(), probabilities)
        return _top(loaded.predict(file, overlay))

    return predict


def _by_service(
    url: str, model: Path | None, backend: str | None, overlay: Path | None
) -> Callable[[Path], dict[str, Any]]:
    """Return what asks a service."""
    from posemill.serving.client import Client
    from posemill.settings import Settings

    if model or backend or overlay:
        raise InputError("--model, --backend and --overlay are for predictions on this machine: leave --url out")
    client = Client(url, key=Settings.from_env().key)
    if not client.ready():
        raise Unavailable(f"no service is ready at {url}: start one with `posemill serve`")

    def predict(file: Path) -> dict[str, Any]:
        if file.suffix == ".npy":
            answer = client.predict_windows(_windows(file))
            best = [answer.classes.index(activity) for activity in answer.activities]
            return _of_windows(answer.classes, best, answer.probabilities) | {"answer": answer.model_dump(mode="json")}
        return _top(client.analyse_video(file))

    return predict


def _top(answer: Prediction) -> dict[str, Any]:
    top: dict[str, Any] = {"activity": None, "probability": None, "note": answer.note}
    if answer.verdict is not None:
        top |= {"activity": answer.verdict.activity, "probability": answer.verdict.probability}
    return {**top, "answer": answer.model_dump(mode="json")}


def _windows(file: Path) -> Any:
    import numpy as np

    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, OSError) as exc:
        raise InputError(f"{file} is not a file of windows that numpy reads: {exc}") from exc


def _of_windows(classes: list[str], best: list[int], probabilities: Any) -> dict[str, Any]:
    """Return the most frequent activity over all windows of a file."""
    import numpy as np

    if not best:
        raise InputError("the file has no windows")
    most = max(set(best), key=best.count)
    mean = float(np.mean([row[most] for row in probabilities]))
    return {"activity": classes[most], "probability": mean, "note": f"{best.count(most)} of {len(best)} windows"}


def described(answer: dict[str, Any]) -> list[str]:
    """Return an answer as lines: the verdict and whom it means, the timeline, and what others do."""
    name = Path(answer["file"]).name
    if answer["activity"] is None:
        return [f"{name}: {answer['note']}"]
    said = f"{name}: {answer['activity']} ({answer['probability']:.2f})"
    video = answer.get("answer") or {}
    if "people" not in video:
        return [f"{said}, {answer['note']}"]
    from posemill.prediction.schema import Person

    people = [Person.model_validate(person) for person in video["people"]]
    subject = next((p for p in people if p.person == video["main_subject"]), None)
    if subject is None:
        return [said]
    doubt = ", abstained: ask a person" if (video["verdict"] or {}).get("abstained") else ""
    lines = [f"{said}, {_who(subject)}{doubt}"]
    lines += [f"  {s.start_s:6.1f} to {s.end_s:6.1f} s  {s.activity:20} {s.probability:.2f}" for s in subject.segments]
    others = [p for p in people if p is not subject and p.verdict is not None]
    longer = sorted((p for p in others if p.end_s - p.start_s >= LONG_S), key=lambda p: -p.poses)[:5]
    lines += [f"  also {_who(p)}: {p.verdict}" for p in longer]
    return lines + (
        [f"  and {len(others) - len(longer)} others, most for a moment"] if len(others) > len(longer) else []
    )


def _who(person: Person) -> str:
    """Return whom an answer means: number, third of the picture, time."""
    return f"{person.name}, seen {person.start_s:.1f} to {person.end_s:.1f} s"
