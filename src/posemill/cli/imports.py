"""`posemill import`: published data sets, and keypoints and videos in the forms in which people hand them on."""

from __future__ import annotations

import click

from posemill.cli.import_files import coco, pyskl, table, videos
from posemill.cli.import_published import jhmdb, ntu, penn_action


@click.group("import")
def import_() -> None:
    """Import keypoint sequences, or videos by class, with their labels and official splits.

    What is faulty (empty, one frame, wrong shape, unknown class, the same content twice, a subject on both sides of
    the split) is told together, by file. `--faulty quarantine` takes the others, `--faulty refuse` takes nothing then.
    The same again changes nothing.

    \b
      posemill import penn-action Penn_Action/
      posemill import ntu nturgb+d_skeletons/ --picture colour
    """


for command in (penn_action, jhmdb, ntu, pyskl, coco, table, videos):
    import_.add_command(command)
