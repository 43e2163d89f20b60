"""`posemill import`: published data sets, and keypoints and videos in the forms in which people hand them on."""

from __future__ import annotations

import click

from posemill.cli.import_files import coco, pyskl, table, taught, videos
from posemill.cli.import_published import jhmdb, ntu, penn_action
from posemill.cli.import_tools import tool_command, tool_names


class _Formats(click.Group):
    """Commands that are there, and one for every pose tool, imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted({*super().list_commands(ctx), *tool_names()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        known = super().get_command(ctx, cmd_name)
        return known or (tool_command(cmd_name) if cmd_name in tool_names() else None)


@click.group("import", cls=_Formats)
def import_() -> None:
    """Import keypoint sequences, or videos by class, with their labels and official splits.

    What is faulty (empty, one frame, wrong shape, unknown class, the same content twice, a subject on both sides of
    the split) is told together, by file. `--faulty quarantine` takes the others, `--faulty refuse` takes nothing then.
    The same again changes nothing.

    \b
      posemill import penn-action Penn_Action/
      posemill import ntu nturgb+d_skeletons/ --picture colour
      posemill import openpose openpose_json/ --size 1280x720 --fps 25
    """


for command in (penn_action, jhmdb, ntu, pyskl, coco, table, taught, videos):
    import_.add_command(command)
