"""Tells whoever operates posemill: sends one alert to the channels of channels.yaml (webhook, e-mail, MQTT).

python -m flows.notify flow-failed "build-model failed: …"
"""

from __future__ import annotations

import sys
from pathlib import Path

from flows._house import flow, root
from posemill.applications.channels.alert import send_alert
from posemill.applications.channels.config import load_channels
from posemill.settings import Settings

CHANNELS = "channels.yaml"


@flow(name="notify")
def notify(kind: str, message: str, channels: str = CHANNELS) -> int:
    """Send an alert; return to how many channels it is under way. What cannot be delivered now is sent next time.

    kind      of the alert, as `flow-failed` or `drift`; a channel may choose by it.
    channels  file in the workspace. Where there is none, the alert is in the run's log alone.
    """
    print(f"{kind}: {message}")
    path = root() / channels
    if not path.is_file():
        print(f"nobody is told: there is no {path} (docs/howto/applications.md says what is in it)")
        return 0
    return send_alert(load_channels(path), Path(Settings.from_env().home) / "alerts", kind, message)


if __name__ == "__main__":
    notify(*sys.argv[1:])
