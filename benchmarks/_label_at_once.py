"""One label worker of benchmarks/hosts.py: loads everything, says so, and begins when a file is there."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import posemill.params
from posemill.estimation import factory
from posemill.labelling.progress import progress
from posemill.labelling.session import open_session
from posemill.labelling.worker import label_backlog
from posemill.settings import Settings
from stand_in_labeller import StandIn


def main() -> None:
    """Label the backlog of the workspace that the environment names."""
    factory.load_backend = lambda name, params: StandIn()
    settings = Settings.from_env()
    label = posemill.params.load(settings.workspace / "params.yaml").label
    with open_session(label, settings) as session:
        print("ready", flush=True)
        while not Path(sys.argv[1]).exists():
            time.sleep(0.01)
        with progress(quiet=True, as_json=False) as report:
            label_backlog(session.labeller, session.ledger, session.videos, report)


if __name__ == "__main__":
    main()
