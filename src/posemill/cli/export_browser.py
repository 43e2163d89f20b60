"""`posemill export browser`: a packaged model in a web page that needs no server of its own."""

from __future__ import annotations

from pathlib import Path

import click

from posemill.cli.output import modes, say

PACKAGE = "A packaged model, or a bento's folder; default: build/package of the workspace."
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("browser")
@click.option("--model", "package", type=click.Path(path_type=Path), help=PACKAGE)
@click.option("--out", type=FOLDER, default="live-page", show_default=True, help="A new folder.")
@modes
def browser(package: Path | None, out: Path, quiet: bool, as_json: bool) -> None:
    """Export the activity model with the live page: poses and activities in the visitor's browser.

    The folder can be put on any static host; a browser gives its camera to https:// and localhost only. Golden clips of
    the test split go with it, and the page compares its own answers with them.

    \b
      posemill export browser --out live-page
      python -m http.server --directory live-page 8000      and open http://localhost:8000
    """
    from posemill.operations.export_browser import export

    written = export(package, out)
    say({"page": str(written.path), "golden_clips": written.clips, "size_mb": written.size_mb}, quiet, as_json)
