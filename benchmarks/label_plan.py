"""Planning time of `posemill label`, apart from loading its backend.

    python benchmarks/label_plan.py [--media 100000] [--json]

An embedded database and a local store with so many labelled media and one that is new. `plan` is what `--plan` does,
`reconcile` what a run begins with; both with an empty ledger, as after the loss of a database, then with a full one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from posemill.estimation.estimator import PoseEstimator
from posemill.labelling.labeller import Labeller
from posemill.labelling.plan import make_plan, reconcile
from posemill.pose.skeleton import COCO_17
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.embedded import EmbeddedServer
from posemill.store.ledger import Ledger
from posemill.store.media import MediaStore
from posemill.store.pose_store import PoseStore
from posemill.store.postgres import open_engine
from posemill.store.tracks import TrackStore


class NoBackend:
    """Has a name and looks at nothing."""

    skeleton = COCO_17

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        return {"backend": "none"}

    def poses(self, images: Any) -> Any:
        """Not to be called."""
        raise AssertionError("a plan looks at no picture")


@dataclass
class Timed:
    """Seconds of named steps."""

    seconds: dict[str, float]

    def step(self, name: str, call: Callable[[], Any]) -> Any:
        """Do it, and remember how long it took."""
        started = time.perf_counter()
        came = call()
        self.seconds[name] = round(time.perf_counter() - started, 3)
        return came


def measure(folder: Path, number: int) -> dict[str, float]:
    """Seconds of every step."""
    server = EmbeddedServer(folder)
    settings = Settings(folder, folder, server.start(), str(folder / "store"))
    engine = open_engine(settings)
    try:
        return steps(engine, settings, number)
    finally:
        engine.dispose()
        server.stop()
        shutil.rmtree(server.data.parent, ignore_errors=True)


def steps(engine: Engine, settings: Settings, number: int) -> dict[str, float]:
    """Fill database and store, then plan."""
    url, timed = settings.store_url, Timed({})
    labeller = Labeller(PoseEstimator.from_backend(NoBackend()), MediaStore(url), PoseStore(url), TrackStore(url))
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(number)]
    facts = {"frames": 300, "fps": 30.0, "duration_s": 10.0, "width_px": 640, "height_px": 480}
    with engine.begin() as connection:
        catalog.add_media(connection, [catalog.MediumRow(d, "d", "s", "me", **facts) for d in digests])  # type: ignore[arg-type]
    fill(Path(url) / "poses" / labeller.pose_fingerprint, [f"{d}-00000000-end" for d in digests[:-1]])
    fill(Path(url) / "tracks" / labeller.fingerprint, digests[:-1])
    ledger = Ledger(engine, labeller.pose_fingerprint)
    with engine.connect() as connection:
        media = timed.step("media_s", lambda: catalog.videos(connection))
    timed.step("listing_s", lambda: labeller.poses.names(ledger.fingerprint))
    for state in ("empty", "full"):
        plan = timed.step(f"plan_{state}_ledger_s", lambda: make_plan(labeller, ledger, media, 0))
        assert (plan.new, plan.cached, plan.frames) == (1, number - 1, 300)
        timed.step(f"reconcile_{state}_ledger_s", lambda: reconcile(labeller, ledger, media))
    return timed.seconds


def fill(folder: Path, names: list[str]) -> None:
    """Empty files: what is in them does not matter to a listing."""
    for number in range(256):
        (folder / f"{number:02x}").mkdir(parents=True)
    for name in names:
        (folder / name[:2] / f"{name}.parquet").touch()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="one line of JSON last")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posemill-plan-") as folder:
        Path(folder).chmod(0o755)
        seconds = measure(Path(folder), given.media)
    for name, taken in seconds.items():
        print(f"{name.removesuffix('_s').replace('_', ' '):24}{taken:8.2f} s")
    if given.json:
        print(json.dumps({"benchmark": "label_plan", "media": given.media, **seconds}))


if __name__ == "__main__":
    main()
