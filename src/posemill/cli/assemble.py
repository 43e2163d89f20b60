"""`posemill assemble`: ensemble selection from several trainings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.output import modes, table

if TYPE_CHECKING:
    from posemill.operations.assemble import AssembleResult


@click.command()
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER...", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the result.")
@click.option(
    "--margin",
    default=0.005,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Validation accuracy that a smaller ensemble may cost.",
)
@click.option("--mirrored", is_flag=True, help="Test-time augmentation: predict every window and its mirror image.")
@modes
def assemble(folders: tuple[Path, ...], out: Path, margin: float, mirrored: bool, quiet: bool, as_json: bool) -> None:
    """Choose the smallest ensemble of trained networks that is nearly as good as the best one.

    FOLDERs are outputs of train with network.safetensors and network.json; their networks, streams and seeds may
    differ, the activities and windows may not. Only the validation split is looked at; where all were trained in folds
    (train.folds), all clips that are not for testing. The result is one network, which evaluate judges and package
    exports as one file.

    \b
      cp -r build/train runs/seed-0            after each training
      posemill assemble runs/* --out build/ensemble --margin 0.005
      dvc exp run -S evaluate.network=build/ensemble
    """
    from posemill.operations.assemble import run
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    workspace = Settings.from_env().workspace
    result = run(folders, out, margin, Workspace(workspace), mirrored)
    if as_json:
        click.echo(result.model_dump_json())
    elif not quiet:
        _show(result)
        click.echo(f"{out}: {result.reason}")
        place = os.path.relpath(out, workspace)
        click.echo(f"judge and package it: set evaluate.network: {place} in params.yaml, then `dvc repro`")


def _show(result: AssembleResult) -> None:
    rows = [
        {
            "member": m.folder,
            "network": m.network,
            "parameters": m.parameters,
            "accuracy": f"{m.accuracy:.4f}",
            "loss": f"{m.loss:.4f}",
            "chosen": "yes" if m.chosen else "",
        }
        for m in result.members
    ]
    table(rows, list(rows[0]), False, "no member")
    sizes = [
        {
            "networks": len(e["members"]),
            "accuracy": f"{e['accuracy']:.4f}",
            "loss": f"{e['loss']:.4f}",
            "best of that size": ", ".join(Path(result.members[m].folder).name for m in e["members"]),
        }
        for e in result.by_size
    ]
    click.echo("")
    table(sizes, list(sizes[0]), False, "no ensemble")
