"""Alerts of operators: one message to the channels of channels.yaml."""

from __future__ import annotations

import json
from pathlib import Path

from event_receivers import HookReceiver
from event_receivers import hook_receiver as hook_receiver
from posemill.applications.channels.alert import send_alert
from posemill.applications.channels.webhook import Webhook
from posemill.applications.protocol import Severity


def test_channels_that_want_alarms_get_it(hook_receiver: HookReceiver, tmp_path: Path) -> None:
    wants = Webhook(name="all", url=hook_receiver.url)
    silent = Webhook(name="info", url=hook_receiver.url, severities=(Severity.INFO,))
    other = Webhook(name="drift", url=hook_receiver.url, kinds=("drift",))
    assert send_alert([wants, silent, other], tmp_path, "flow-failed", "build-model failed: gate") == 1
    (body,) = hook_receiver.bodies
    message = json.loads(body)
    assert message["source"] == "posemill"
    event = message["event"]
    assert (event["kind"], event["severity"], event["message"]) == ("flow-failed", "alarm", "build-model failed: gate")
    assert event["details"]["at"].endswith("Z")


def test_what_is_not_delivered_is_sent_with_the_next(hook_receiver: HookReceiver, tmp_path: Path) -> None:
    channel = Webhook(name="all", url=hook_receiver.url)
    hook_receiver.status = 503
    send_alert([channel], tmp_path, "drift", "first", patience_s=0.5)
    assert hook_receiver.bodies == []
    hook_receiver.status = 204
    send_alert([channel], tmp_path, "drift", "second")
    told = dict.fromkeys(json.loads(body)["event"]["message"] for body in hook_receiver.bodies)
    assert list(told) == [
        "first",
        "second",
    ]  # perhaps twice with one id: an attempt may be under way
