"""`posemill container`: the build context of a container image that serves a bento."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--small", is_flag=True, help="The small service: keypoints only, without videos and OpenPifPaf.")
@click.option("--bento", help="Bento tag; default: the newest of this workspace.")
def container(folder: Path, small: bool, bento: str | None) -> None:
    """Write the build context of a container image to FOLDER: a Dockerfile and everything that it copies.

    \b
    Packages are pinned by version and hash as in requirements.lock; OpenPifPaf is built as in `make setup`. Writing the
    folder needs no container engine. To build and run the image:
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
        raise InputError(f"a bento tag is NAME:VERSION, got {tag!r}; `bentoml list` shows them")
    store = Path(environment(settings.home)["BENTOML_HOME"])
    context = write(service, store / "bentos" / tag.replace(":", "/"), store / "models", settings.workspace, folder)
    click.echo(f"{tag}: {context.packages} packages pinned by hash, {context.size_mb} MB of source and model")
    click.echo(f"docker build -t {tag} -f {context.folder / DOCKERFILE} {context.folder}")
