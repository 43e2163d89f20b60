"""`posemill serve`: serve the newest bento by HTTP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from posemill.errors import Unavailable

if TYPE_CHECKING:
    from posemill.settings import Settings

GALLERY = "POSEMILL_GALLERY"


@click.command()
@click.option("--bento", help="Tag of another bento; default: the newest of this workspace.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 = all.")
@click.option("--small", is_flag=True, help="Only the small service: keypoints, no videos, no OpenPifPaf.")
@click.option("--packaged", is_flag=True, help="The model that comes with posemill, also where another is packaged.")
@click.option("--open", "open_to_all", is_flag=True, help="Answer everybody who can reach --host, without a key.")
@click.option("--traces", metavar="URL", help="Send OpenTelemetry traces to this OTLP endpoint (http://host:4318).")
@click.option("--shadow", metavar="TAG", help="Ask this model too, and compare; no client sees it or waits for it.")
@click.option(
    "--canary", metavar="TAG=10%", help="Answer this share of the clients by this model, always the same ones."
)
def serve(
    bento: str | None,
    port: int,
    host: str,
    small: bool,
    packaged: bool,
    open_to_all: bool,
    shadow: str | None,
    canary: str | None,
    traces: str | None,
) -> None:
    """Serve the newest bento of this workspace until Ctrl-C; before there is one, the model that comes with posemill.

    \b
    The page for clients is /uat, the live page /live-page/, the endpoints are described at /docs, limits and keys in
    docs/howto/secure.md.
      posemill serve
      posemill serve --small --port 3100
      posemill keys add acme; posemill serve --host 0.0.0.0
      posemill serve --shadow posemill-activity:6d922233e9d5c9be     # then: posemill shadow report
      curl -F video=@clip.mp4 http://127.0.0.1:3000/analyse_video
    """
    from posemill.packaging.bento import environment
    from posemill.serving import startup_policy
    from posemill.serving.middleware.limits import REQUIRE_KEYS
    from posemill.serving.server import command, port_is_free, run_in_foreground
    from posemill.settings import Settings

    settings = Settings.from_env()
    tag = bento or tags_to_serve(settings, packaged)["activity" if small else "analysis"]
    if not port_is_free(port, host):
        raise Unavailable(f"port {port} of {host} is taken: choose another with --port, or stop what listens there")
    required = os.environ.get(REQUIRE_KEYS, "") not in ("", "0")
    from_policy = startup_policy.service_environment(settings, host, open_to_all=open_to_all, required=required)
    reached = "127.0.0.1" if host == "0.0.0.0" else "[::1]" if host == "::" else host
    address = f"http://{reached}:{port}"
    click.echo(f"{tag} on {host}: {address}/uat for people, {address}/docs for programs (Ctrl-C stops it)", err=True)
    run_in_foreground(
        command(tag, port, host),
        {
            **environment(settings.home),
            **gallery(settings),
            **from_policy,
            **challengers(settings, shadow, canary),
            **tracing(traces),
        },
        address,
        lambda line: click.echo(line, err=True),
    )


def tags_to_serve(settings: Settings, packaged: bool) -> dict[str, str]:
    """Return the tags of the workspace's bentos, or of the packaged model's where nothing has been packaged yet."""
    from posemill.operations.accept import package_tags
    from posemill.packaging import bento
    from posemill.prediction.packaged import PACKAGED
    from posemill.stages.workspace import Workspace

    workspace = Workspace(settings.workspace)
    package = workspace.output("package")
    if not packaged and ((package / "bento.json").is_file() or (package / "result.json").is_file()):
        return package_tags(workspace, settings)
    if not packaged:
        click.echo("nothing is packaged here yet: this is the model that comes with posemill", err=True)
    return bento.build(PACKAGED, settings.workspace, settings.home)


def challengers(settings: Settings, shadow: str | None, canary: str | None) -> dict[str, str]:
    """Return the variables of a service with challengers. Errors: InputError for a tag that is not in the store."""
    from posemill.packaging.bento import environment
    from posemill.serving.shadow.canary import parse_canary
    from posemill.serving.shadow.challenger import CANARY, SHADOW, find_challenger

    env = environment(settings.home)
    if shadow is not None:
        find_challenger(shadow, env)
    if canary is not None:
        find_challenger(parse_canary(canary).tag, env)
    return {name: value for name, value in ((SHADOW, shadow), (CANARY, canary)) if value is not None}


def tracing(url: str | None) -> dict[str, str]:
    """Return the variables of a service that sends traces to `url`; None leaves the environment as it is."""
    from posemill.telemetry.settings import ENDPOINT

    return {} if url is None else {ENDPOINT: url}


def gallery(settings: Settings) -> dict[str, str]:
    """Return the workspace's folder of clips for the page, where it has one and the environment names no other."""
    folder = settings.workspace / "gallery"
    return {GALLERY: str(folder)} if folder.is_dir() and GALLERY not in os.environ else {}
