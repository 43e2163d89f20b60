"""`posemill-edge`: the command in an exported folder.

posemill-edge run 0                         a camera
posemill-edge run rtsp://camera.local/live entrance.mp4
posemill-edge run cameras.toml              several sources, zones, a broker, webhooks
posemill-edge check                         the model on this device: golden clips, time of a pose
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from posemill.edge.check import answers, check
from posemill.edge.config import EdgeConfig, config_of, load_config
from posemill.edge.device import require_processor, share_memory_pools
from posemill.edge.model import EdgeModel
from posemill.edge.outputs import Outputs
from posemill.edge.runtime import Runtime
from posemill.edge.server import HealthServer
from posemill.errors import InputError, PosemillError
from posemill.prediction.golden import to_json

_log = logging.getLogger("posemill.edge")


def main(folder: Path, arguments: list[str] | None = None) -> int:
    """Run the command with an exported folder; returns the exit code."""
    logging.basicConfig(format="posemill-edge: %(message)s", level=logging.INFO, stream=sys.stderr)
    given = _parser().parse_args(arguments)
    try:
        share_memory_pools()
        if warning := require_processor():
            _log.warning(warning)
        if given.command == "check":
            return _check(folder, given)
        return _run(folder, given)
    except PosemillError as exc:
        print(f"posemill-edge: {'retryable' if exc.retryable else 'error'}: {exc}", file=sys.stderr)
        return os.EX_TEMPFAIL if exc.retryable else 1
    except OSError as exc:
        print(f"posemill-edge: error: {exc.filename or ''}: {exc.strerror or exc}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="posemill-edge", description="Activities of people, where the camera is.")
    parser.add_argument("--manifest-sha256", metavar="HEX", help="digest that edge.json must have")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="watch sources and report events")
    run.add_argument("sources", nargs="+", help="a configuration (.toml), or cameras' numbers, URLs and files")
    run.add_argument("--http", type=int, metavar="PORT", help="port on 127.0.0.1 for health and metrics; 0: off")
    run.add_argument("--preview", action="store_true", help="annotated MJPEG at /preview/NAME, on 127.0.0.1")
    run.add_argument("--keypoints-only", action="store_true", help="no picture leaves the runtime")
    run.add_argument("--poses", action="store_true", help="a JSON line of poses a frame, too")
    run.add_argument("--threads", type=int, help="processor cores")
    run.add_argument("--state", metavar="FOLDER", help="spool and open events")
    checked = commands.add_parser("check", help="compare this device's answers with the exported ones")
    checked.add_argument("--answers", action="store_true", help="print the answers, as golden.json has them")
    return parser


def _check(folder: Path, given: argparse.Namespace) -> int:
    model = EdgeModel.open(folder, 1, given.manifest_sha256)
    if given.answers:
        print(json.dumps([to_json(clip) for _, clip in answers(model, folder)[0]]))
        return 0
    print(json.dumps(check(model, folder)))
    return 0


def _run(folder: Path, given: argparse.Namespace) -> int:
    config = _config(given)
    model = EdgeModel.open(folder, config.threads, given.manifest_sha256)
    if model.classifier is not None:
        model.classifier.warm()
    with ExitStack() as stack:
        outputs = stack.enter_context(Outputs(config))
        runtime = Runtime(config, model, outputs)
        if config.http.port:
            server = stack.enter_context(HealthServer(runtime, config.http.port))
            _log.info("health: http://127.0.0.1:%d/health", server.port)
        _stop_on_signals(runtime)
        runtime.run()
    return 0


def _config(given: argparse.Namespace) -> EdgeConfig:
    files = [source for source in given.sources if source.endswith(".toml")]
    if files and len(given.sources) > 1:
        raise InputError(f"{files[0]} is a configuration: give it alone, or sources without one")
    config = load_config(Path(files[0])) if files else config_of(given.sources)
    changes: dict[str, Any] = {
        key: getattr(given, key) for key in ("threads", "state") if getattr(given, key) is not None
    }
    changes |= {key: True for key in ("keypoints_only", "poses") if getattr(given, key)}
    http = replace(config.http, preview=config.http.preview or given.preview)
    port = config.http.port if given.http is None else given.http
    if changes.get("threads", 1) < 1 or not 0 <= port < 65536:
        raise InputError(f"--threads should be 1 or more and --http 0 to 65535, came {given.threads} and {port}")
    return replace(config, **changes, http=replace(http, port=port))


def _stop_on_signals(runtime: Runtime) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        runtime.stop()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, stop)
