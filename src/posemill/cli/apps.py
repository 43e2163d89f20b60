"""`posemill apps` and `posemill app`: applications on a video, a camera, a stream or stored tracks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.errors import InputError

if TYPE_CHECKING:
    from posemill.applications.live import Opened
    from posemill.applications.protocol import Application, Output
    from posemill.applications.result import ApplicationResult
    from posemill.applications.run import Step
    from posemill.params.label import LabelParams
    from posemill.pose.track import MediumTracks

FILE = click.Path(path_type=Path, dir_okay=False)
TRACK_FILES = (".json", ".csv", ".parquet", ".pkl", ".h5", ".xml", ".npz")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the parameters.")
def apps(as_json: bool) -> None:
    """List the applications, with their presets.

    \b
      posemill apps
      posemill app fall clip.mp4 --overlay out.mp4
    """
    from posemill.applications.presets import preset_names
    from posemill.applications.registry import APPLICATIONS, find_application
    from posemill.cli.output import table

    rows: list[dict[str, Any]] = []
    for name, entry in APPLICATIONS.items():
        presets = ", ".join(preset_names(name)) or "-"
        row: dict[str, Any] = {"application": name, "what_it_does": entry.line, "presets": presets}
        if as_json:
            found = find_application(name)
            row |= {"params": found.params_model().model_json_schema()["properties"], "limits": list(found.limits)}
        rows.append(row)
    table(rows, rows[0] if rows else (), as_json, "there are no applications")


@click.command()
@click.argument("name")
@click.argument("source")
@click.option("--params", "preset", help="A YAML file of parameters, or a preset's name (see `posemill apps`).")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A single parameter; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: events, then the summary.")
@click.option(
    "--overlay", type=click.Path(path_type=Path, dir_okay=False), help="Write a video (MP4) with what is said."
)
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a report (HTML).")
@click.option("--notify", type=FILE, help="A YAML file of channels: webhook, e-mail, MQTT.")
@click.option("--backend", help="Pose backend; default: the one that suits the application.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Stop after so much of the stream.")
@click.option("--format", "track_format", help="Format of a file of tracks, where it is not recognized.")
def app(
    name: str,
    source: str,
    preset: str | None,
    settings: tuple[str, ...],
    as_json: bool,
    overlay: Path | None,
    report: Path | None,
    notify: Path | None,
    backend: str | None,
    seconds: float | None,
    track_format: str | None,
) -> None:
    """Run application NAME on SOURCE: a video file, a camera's number, a stream's URL, or a file or folder of tracks.

    Events are printed as they happen. A camera runs until it ends, or until Ctrl-C: overlay and report are whole then
    too.

    \b
      posemill app fall clip.mp4 --overlay out.mp4 --report out.html
      posemill app fall rtsp://camera.local/live --params bedroom
      posemill app repetitions training.mp4 --json
      posemill app coach 0 --set exercise=squat
    """
    from posemill.applications.presets import load_params
    from posemill.applications.registry import find_application

    kind = find_application(name)
    values = (load_params(name, preset) if preset else {}) | _settings(settings)
    application = kind.from_values(values)
    with ExitStack() as stack:
        opened = stack.enter_context(_open(source, application, backend, track_format))
        takers: list[Callable[[Step], None]] = []
        if overlay:
            from posemill.applications.draw import overlay_writer

            takers.append(stack.enter_context(overlay_writer(overlay, opened)))
        if notify:
            takers.append(stack.enter_context(_channels(notify, opened)))
        result = _run(application, opened, seconds, takers, as_json)
    if report:
        from posemill.applications.report import application_page

        application_page(result).write(report)
    _say_summary(result, as_json, [path for path in (overlay, report) if path])


def _run(
    application: Application[Any],
    opened: Opened,
    seconds: float | None,
    takers: Sequence[Callable[[Step], None]],
    as_json: bool,
) -> ApplicationResult:
    """Run to the end of the stream, or until Ctrl-C."""
    from posemill.applications.run import Collector, Step, steps
    from posemill.applications.sources import first_seconds
    from posemill.cli.output import progress

    stream = opened.stream if seconds is None else first_seconds(opened.stream, seconds)
    collector = Collector(application, stream)

    def take(step: Step) -> None:
        collector.add(step)
        for taker in takers:
            taker(step)
        for output in step.outputs:
            _say(output, as_json)

    with progress(application.title, opened.frames, as_json) as advance:
        try:
            for step in steps(application, stream, annotate=bool(takers)):
                take(step)
                advance()
        except KeyboardInterrupt:
            take(Step(None, tuple(application.finish()), ()))
    return collector.result()


@contextmanager
def _open(
    source: str, application: Application[Any], backend: str | None, track_format: str | None
) -> Iterator[Opened]:
    from posemill.applications.live import estimator_for, open_source, opened_tracks
    from posemill.video.camera import is_live

    path = Path(source)
    if not is_live(source) and not path.exists():
        raise InputError(
            f"there is no file {source}; a source is a video, a camera's number, a URL or a file of tracks"
        )
    if track_format is not None or (not is_live(source) and _holds_tracks(path)):
        yield opened_tracks(_tracks(path, track_format), path.name, sandboxed=True)
        return
    with open_source(source, estimator_for(application, _labeller(), backend), sandboxed=True) as opened:
        yield opened


def _holds_tracks(path: Path) -> bool:
    """True for a folder, and for a file that is no video by its name."""
    return path.is_dir() or path.suffix.lower() in TRACK_FILES


def _tracks(path: Path, track_format: str | None) -> MediumTracks:
    from posemill.formats.registry import read_tracks

    if track_format is None and path.suffix == ".parquet" and not (path.parent / "media.parquet").is_file():
        from posemill.store.track_file import read_medium

        return read_medium(path)  # of the label store; exported tables come with one of their media
    return read_tracks(path, track_format)


def _labeller() -> LabelParams:
    """The label section of params.yaml; its defaults where there is no workspace."""
    from posemill import params
    from posemill.params.label import LabelParams
    from posemill.settings import Settings

    file = Settings.from_env().workspace / "params.yaml"
    return params.load(file).label if file.is_file() else LabelParams()


@contextmanager
def _channels(path: Path, opened: Opened) -> Iterator[Callable[[Step], None]]:
    """Send events in the background; what is not delivered at the end is sent by the next run."""
    from posemill.applications.channels.config import load_channels
    from posemill.applications.channels.dispatcher import EventDispatcher
    from posemill.applications.protocol import Event
    from posemill.settings import Settings

    with EventDispatcher(load_channels(path), Settings.from_env().home / "channels") as dispatcher:

        def send(step: Step) -> None:
            for output in step.outputs:
                if isinstance(output, Event):
                    dispatcher.send_event(output, opened.stream.facts.source)

        yield send


def _settings(pairs: tuple[str, ...]) -> dict[str, Any]:
    import yaml

    values = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise InputError(f"--set takes NAME=VALUE, came {pair!r}")
        values[key] = yaml.safe_load(value)
    return values


def _say(output: Output, as_json: bool) -> None:
    from posemill.applications.protocol import Event

    if as_json:
        key = "event" if isinstance(output, Event) else "measurement"
        click.echo(json.dumps({key: asdict(output)}))
    elif isinstance(output, Event):
        person = "scene" if output.person is None else f"person {output.person}"
        click.echo(f"{output.start_s:8.1f} s  {person:<10}  {output.severity.value:<8}  {output.message}")


def _say_summary(result: ApplicationResult, as_json: bool, written: list[Path]) -> None:
    if as_json:
        left_out = {"events", "measurements"}
        click.echo(json.dumps({"summary": result.model_dump(mode="json", exclude=left_out)}))
        return
    figures = ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in result.summary.items())
    click.echo(f"{result.title}: {result.source}, {result.duration_s:.1f} s, people {result.people}; {figures}")
    for path in written:
        click.echo(f"written: {path}")
    if result.notice:
        click.echo(result.notice)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
