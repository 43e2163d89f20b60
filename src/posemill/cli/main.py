"""`posemill`: the table of commands and the one place where errors become sentences."""

from __future__ import annotations

import os
import sys
import warnings
from importlib import import_module

import click

from posemill.errors import PosemillError

# name -> (module:command, one line for --help); listed here so that --help imports nothing
COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("posemill.cli.sources:add", "Add videos, folders or a manifest of segments."),
    "capture": ("posemill.cli.sources:capture", "Record from a camera or stream and add it."),
    "import": ("posemill.cli.imports:import_", "Import keypoint sequences or videos, with labels and splits."),
    "synth": ("posemill.cli.synth:synth", "Render a corpus of people with exact keypoints."),
    "media": ("posemill.cli.sources:media", "List media and clips."),
    "segments": ("posemill.cli.sources:segments", "List and correct activity segments."),
    "quarantine": ("posemill.cli.sources:quarantine", "List what was set aside, and why."),
    "label": ("posemill.cli.label:label", "Label the poses of everything that is new."),
    "tracks": ("posemill.cli.tracks:tracks", "Draw the tracks of a medium as overlay video and contact sheet."),
    "backends": ("posemill.cli.backends:backends", "Pose networks: licences, weights, what is missing."),
    "compare-backends": ("posemill.cli.backends:compare_backends", "Several pose networks on the same pictures."),
    "review": ("posemill.cli.review:review", "Look at the worst tracks, correct them in an annotation tool."),
    "export": ("posemill.cli.export:export", "Write tracks in the formats of other tools."),
    "draw": ("posemill.cli.draw:draw", "Draw the people in any video file."),
    "stage": ("posemill.cli.stage:stage", "Run one stage of dvc.yaml."),
    "tune": ("posemill.cli.tune:tune", "Search better parameters for training."),
    "assemble": ("posemill.cli.assemble:assemble", "One model from several trainings: the smallest good ensemble."),
    "evaluate": ("posemill.cli.evaluate:evaluate", "Evaluate a model on external videos."),
    "demo": ("posemill.cli.demo:demo", "The whole main job; seeds a synthetic corpus when the database is empty."),
    "summary": ("posemill.cli.demo:summary", "The figures of the last run, and where its reports are."),
    "models": ("posemill.cli.models:models", "Packaged models: list, promote to champion, roll back."),
    "serve": ("posemill.cli.serve:serve", "Serve the newest bento of this workspace."),
    "container": ("posemill.cli.container:container", "Write the recipe of an image that serves the newest bento."),
    "try": ("posemill.cli.serve:try_", "Send videos to a running service and show its answers."),
    "uat": ("posemill.cli.uat:uat", "Acceptance: scenarios, clients' judgements, signed verdicts."),
    "trace": ("posemill.cli.trace:trace", "From an answer to the clips and media that trained its model."),
    "forget": ("posemill.cli.trace:forget", "Every model and bento that a medium is in."),
    "monitor": ("posemill.cli.monitor:monitor", "Has what the service sees changed since training?"),
    "keys": ("posemill.cli.keys:keys", "API keys of the clients who may call a service."),
    "db": ("posemill.cli.database:db", "Start, stop, find and upgrade the database."),
    "doctor": ("posemill.cli.doctor:doctor", "What is installed, reachable or missing, and what to do."),
}

RETRY_LATER = os.EX_TEMPFAIL


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command of that name; None when it is unknown."""
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One line a command, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="posemill")
def cli() -> None:
    """Videos of people in a database become activity models that a client accepts.

    \b
    Start here:
      posemill doctor                          is everything in place?
      posemill add videos/ --activity squat    bring in your own videos
      dvc repro                                label, validate, train, evaluate, package
      posemill serve                           put the model behind an API
    """


def main() -> None:
    """Entry point: a PosemillError becomes one sentence and exit code 1 (75 where trying again may help)."""
    warnings.filterwarnings("default", "params.yaml: ", DeprecationWarning)  # old keys; hidden from users otherwise
    try:
        cli(prog_name="posemill")
    except PosemillError as exc:
        kind = "retryable" if exc.retryable else "error"
        print(f"posemill: {kind}: {exc}", file=sys.stderr)
        sys.exit(RETRY_LATER if exc.retryable else 1)
