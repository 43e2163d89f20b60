"""`posemill container`: the recipe of an image that serves a bento."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--small", is_flag=True, help="The small service: keypoints, no videos, no OpenPifPaf.")
@click.option("--bento", help="Tag of another bento; default: the newest of this workspace.")
def container(folder: Path, small: bool, bento: str | None) -> None:
    """Write FOLDER with a Dockerfile and all that it copies, and check it.

    \b
    Versions and hashes are those of requirements.lock; OpenPifPaf is built as `make setup` does it. No engine is needed
    to write it; with one:
      posemill container --small build/container
      docker build -t posemill-activity -f build/container/env/docker/Dockerfile build/container
      docker run -p 127.0.0.1:3000:3000 -e POSEMILL_REQUIRE_KEYS=0 posemill-activity
    """
    from posemill.errors import InputError
    from posemill.operations.accept import package_tags
    from posemill.packaging.bento import environment
    from posemill.packaging.container import DOCKERFILE, write
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    settings = Settings.from_env()
    service = "activity" if small else "analysis"
    tag = bento or package_tags(Workspace(settings.workspace), settings)[service]
    if tag.count(":") != 1:
        raise InputError(f"a bento's tag is NAME:VERSION, came as {tag!r}; `bentoml list` shows them")
    store = Path(environment(settings.home)["BENTOML_HOME"])
    recipe = write(service, store / "bentos" / tag.replace(":", "/"), store / "models", settings.workspace, folder)
    click.echo(f"{tag}: {recipe.packages} packages pinned by hash, {recipe.size_mb} MB of source and model")
    click.echo(f"docker build -t {tag} -f {recipe.folder / DOCKERFILE} {recipe.folder}")
