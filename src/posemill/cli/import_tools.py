"""`posemill import openpose`, `deeplabcut`, `sleap`, ...: a command for every module of ingest/tools."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import click

from posemill.cli.importing import FPS, PATH, SKELETON, SUBJECT, common, run_import, size_of

_PACKAGE = "posemill.ingest.tools"
_ALIASES = {"lightning-pose": "deeplabcut"}  # whose files it writes
_OTHERS = ("pose_table", "sandboxed_hdf5")


def tool_names() -> list[str]:
    """Return the names of all tools, without importing them."""
    spec = find_spec(_PACKAGE)
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    return sorted({*(m.name.replace("_", "-") for m in iter_modules(folders) if m.name not in _OTHERS), *_ALIASES})


def tool_command(name: str) -> click.Command:
    """Return the command of a tool."""
    tool = import_module(f"{_PACKAGE}.{_ALIASES.get(name, name).replace('-', '_')}").TOOL

    def run(path: Path, dataset: str | None, size: str | None, skeleton_name: str | None, **given: Any) -> None:
        from posemill.ingest.keypoints import SequenceSource
        from posemill.ingest.tools.pose_table import ToolOptions, sequences
        from posemill.pose.definition import chosen

        labels = {key: given.pop(key) for key in ("fps", "activity", "activity_from_folder", "subject", "split")}
        options = ToolOptions(
            dataset or path.resolve().stem,
            size_of(size) if size else None,
            skeleton=chosen(skeleton_name) if skeleton_name else None,
            **labels,
        )
        source = SequenceSource(
            options.dataset, f"{tool.name} poses of {path.name}", path, partial(sequences, tool, path, options)
        )
        run_import(source, None, **given)

    options = (
        click.argument("path", type=PATH),
        click.option("--size", help="Width x height of the picture, such as 1280x720, where the files do not say it."),
        click.option("--fps", type=FPS, help="Frames per second, where the files do not say it."),
        click.option("--skeleton", "skeleton_name", help=f"{SKELETON} Default: by the names of the keypoints."),
        click.option("--dataset", help="Its name here; default: the file's or folder's."),
        click.option("--activity", help="Activity of all of them."),
        click.option("--activity-from-folder", is_flag=True, help="The folder of a medium names its activity."),
        click.option("--subject", help=SUBJECT),
        click.option("--split", type=click.Choice(["train", "test"]), help="The side that all of them are on."),
        common,
    )
    for option in reversed(options):
        run = option(run)
    help_text = f"{tool.title}\n\n{tool.notes}\n\n\b\n  posemill import {name} {tool.example}"
    return click.command(name, help=help_text)(run)
