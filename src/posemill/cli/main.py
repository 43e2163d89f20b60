"""The `posemill` command: lazily imported subcommands, and exit codes of errors."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module
from io import TextIOWrapper

import click

from posemill.cli.os_errors import explain_os_error
from posemill.cli.renamed import RenamingGroup
from posemill.errors import PosemillError
from posemill.telemetry.logs import use_json

# name -> (module:command, line of --help); a table, so that --help imports no command
COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("posemill.cli.sources:add", "Add video files, folders or a manifest of clips."),
    "capture": ("posemill.cli.sources:capture", "Record from a camera or a network stream."),
    "import": ("posemill.cli.imports:import_", "Import published data sets or keypoint files, with labels and splits."),
    "synth": ("posemill.cli.synth:synth", "Render a synthetic corpus with exact ground-truth keypoints."),
    "media": ("posemill.cli.sources:media", "List media and clips."),
    "segments": ("posemill.cli.sources:segments", "List and correct activity segments."),
    "data": ("posemill.cli.data:data", "Dataset versions: what changed from one to the next."),
    "quarantine": ("posemill.cli.sources:quarantine", "List quarantined media, clips and tracks, with reasons."),
    "label": ("posemill.cli.label:label", "Estimate and track poses of all new media."),
    "tracks": ("posemill.cli.tracks:tracks", "Draw the tracks of a medium: overlay video and contact sheet."),
    "backends": ("posemill.cli.backends:backends", "List pose-estimation backends, their licences and weights."),
    "compare-backends": (
        "posemill.cli.backends:compare_backends",
        "Compare pose-estimation backends on the same images.",
    ),
    "review": (
        "posemill.cli.review:review",
        "Review the worst tracks, label the clips that teach most, in an annotation tool.",
    ),
    "export": ("posemill.cli.export:export", "Export tracks in the formats of other tools, or a model for a camera."),
    "apps": ("posemill.cli.apps:apps", "List the applications: fall alarm, repetitions, form coach, yoga ..."),
    "app": ("posemill.cli.apps:app", "Run an application on a video, a camera, a stream or tracks."),
    "draw": ("posemill.cli.draw:draw", "Draw the poses in a video file."),
    "stage": ("posemill.cli.stage:stage", "Run one stage of dvc.yaml."),
    "tune": ("posemill.cli.tune:tune", "Hyper-parameter search (Optuna)."),
    "assemble": ("posemill.cli.assemble:assemble", "Ensemble selection from several training runs."),
    "evaluate": ("posemill.cli.evaluate:evaluate", "Evaluate a model on external videos."),
    "demo": ("posemill.cli.demo:demo", "Run all stages; seeds a synthetic corpus if the database is empty."),
    "summary": ("posemill.cli.demo:summary", "Print metrics of the last run and the paths of its reports."),
    "models": ("posemill.cli.models:models", "Model registry: list versions, promote to champion, roll back."),
    "serve": ("posemill.cli.serve:serve", "Serve the newest bento of this workspace."),
    "container": (
        "posemill.cli.container:container",
        "Write the build context of a container image of the newest bento.",
    ),
    "parity": ("posemill.cli.parity:parity", "Compare all runtimes of a packaged model on the same clips."),
    "try": ("posemill.cli.try_:try_", "Name what people do in videos, with the packaged model or by a service."),
    "uat": ("posemill.cli.uat:uat", "User acceptance testing: scenarios, feedback, signed verdicts."),
    "handover": ("posemill.cli.handover:handover", "Write the whole project as one signed archive, for its client."),
    "verify": ("posemill.cli.handover:verify", "Verify a bundle: signature, digests, SBOM, licences, lineage."),
    "reproduce": ("posemill.cli.handover:reproduce", "Re-derive a bundle's accuracy from its own data and model."),
    "trace": ("posemill.cli.trace:trace", "Provenance of an answer: the clips and media that trained its model."),
    "usage": ("posemill.cli.trace:usage", "List the models and bentos that a medium is in."),
    "erase": ("posemill.cli.erase:erase", "Erase a person's data or media everywhere, with a signed record."),
    "retention": ("posemill.cli.retention:retention", "Remove what is older than params.yaml says."),
    "monitor": ("posemill.cli.monitor:monitor", "Data drift: compare served data with the training data."),
    "shadow": ("posemill.cli.shadow:shadow", "Challenger against the released model, on live requests."),
    "exporter": ("posemill.cli.exporter:exporter", "Metrics of the workspace for Prometheus: queue, drift, disks."),
    "keys": ("posemill.cli.keys:keys", "Manage API keys of clients."),
    "backup": ("posemill.cli.backup:backup", "Back up database, store and workspace; restore them."),
    "audit": ("posemill.cli.audit:audit", "Audit trail: who changed what, when and from where; verify its chain."),
    "db": ("posemill.cli.database:db", "Start, stop, locate and upgrade the database."),
    "doctor": ("posemill.cli.doctor:doctor", "Check the installation: packages, database, store, checkpoint."),
}

RETRY_LATER = os.EX_TEMPFAIL


RENAMED = {"forget": "usage"}  # deprecated name -> its replacement


class LazyGroup(RenamingGroup):
    """A group that imports the module of a command only if that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command with that name; None if it is unknown."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one line per command, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, renamed_commands=RENAMED, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="posemill")
def cli() -> None:
    """Train, validate and serve activity-recognition models from pose keypoints.

    \b
    Getting started:
      posemill doctor                          check the installation
      posemill add videos/ --activity squat    add your own videos
      dvc repro                                label, validate, train, evaluate, package
      posemill serve                           serve the model over HTTP
    """


def main() -> None:
    """Entry point. A PosemillError is printed as one sentence; exit code 1, or 75 if it is retryable."""
    warnings.filterwarnings("default", "params.yaml: ", DeprecationWarning)  # old keys; hidden from users otherwise
    for stream in (sys.stdout, sys.stderr):  # names of files may be in no encoding at all
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        use_json()
        cli(prog_name="posemill")
    except PosemillError as exc:
        kind = "retryable" if exc.retryable else "error"
        print(f"posemill: {kind}: {exc}", file=sys.stderr)
        sys.exit(RETRY_LATER if exc.retryable else 1)
    except BrokenPipeError:  # whoever read the output has seen enough
        sys.stderr.close()
        sys.exit(1)
    except OSError as exc:
        print(f"posemill: error: {explain_os_error(exc)}", file=sys.stderr)
        sys.exit(1)
    except UnicodeEncodeError as exc:
        text = str(exc.object).encode(errors="surrogateescape").decode(errors="backslashreplace")
        print(
            f"posemill: error: {text[:200]} is no text in UTF-8: rename the file, or write the name otherwise",
            file=sys.stderr,
        )
        sys.exit(1)
    except Exception as exc:
        from posemill.store.refusals import outage

        if (away := outage(exc)) is None:
            raise
        print(f"posemill: retryable: {away}", file=sys.stderr)
        sys.exit(RETRY_LATER)
