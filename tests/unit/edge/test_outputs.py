"""Events to receivers that are away, over a kill: each arrives, in order, and what was open is ended."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from event_receivers import HookReceiver, hook_receiver
from posemill.edge.config import EdgeConfig, SourceConfig, WebhookConfig
from posemill.edge.message import EdgeEvent, EdgeMessage
from posemill.edge.outputs import LineWriter, Outputs
from waiting import until

__all__ = ["hook_receiver"]


def config(folder: Path, hook: HookReceiver, **more: object) -> EdgeConfig:
    hooks = (WebhookConfig("home", hook.url, timeout_s=2),)
    return EdgeConfig((SourceConfig("0", "door"),), state=str(folder), webhook=hooks, **more)  # type: ignore[arg-type]


def began(n: int, **more: object) -> EdgeEvent:
    details = {"activity": "sit", "activity_id": f"id{n}"}
    return EdgeEvent("activity", "began", n, n + 1.0, float(n), f"person {n} began: sit", details=details)


def test_events_go_to_everybody_once_and_in_order(tmp_path: Path, hook_receiver: HookReceiver) -> None:
    lines = io.StringIO()
    with Outputs(config(tmp_path, hook_receiver), lines) as outputs:
        for n in range(5):
            outputs.emit(began(n), "door")
    written = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [json.loads(body) for body in hook_receiver.bodies] == written
    assert [each["event"]["person"] for each in written] == [0, 1, 2, 3, 4]
    assert len({each["id"] for each in written}) == 5


def test_a_message_is_read_as_it_was_written() -> None:
    message = EdgeMessage.of(began(1), "door", lambda: 7.5)
    assert EdgeMessage.decoded(message.encoded()) == message
    with pytest.raises(ValueError, match="no message"):
        EdgeMessage.decoded(b"{}")


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from posemill.edge.message import EdgeEvent
from posemill.edge.config import EdgeConfig, SourceConfig, WebhookConfig
from posemill.edge.outputs import Outputs
hooks = (WebhookConfig("home", {url!r}, timeout_s=1),)
with Outputs(EdgeConfig((SourceConfig("0", "door"),), state={state!r}, webhook=hooks)) as outputs:
    for n in range(3):
        details = {{"activity": "sit", "activity_id": f"id{{n}}"}}
        outputs.emit(EdgeEvent("activity", "began", n, n + 1.0, float(n), "sat", details=details), "door")
    print("killed now", flush=True)
    time.sleep(60)
"""


def test_a_kill_loses_nothing_and_what_was_open_is_ended(tmp_path: Path, hook_receiver: HookReceiver) -> None:
    hook_receiver.status = 503  # the receiver is away
    text = KILLED.format(path=sys.path, url=hook_receiver.url, state=str(tmp_path))
    script = tmp_path / "killed.py"
    script.write_text(text)
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "killed now" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    hook_receiver.bodies.clear()
    hook_receiver.status = 204
    with Outputs(config(tmp_path, hook_receiver), io.StringIO()):
        until(lambda: len(hook_receiver.bodies) == 6)
    came = [json.loads(body) for body in hook_receiver.bodies]
    assert [(c["event"]["kind"], c["event"]["person"]) for c in came] == [
        *(("began", n) for n in range(3)),
        *(("ended", n) for n in range(3)),
    ]
    assert len({c["id"] for c in came}) == 6
    assert came[3]["event"]["details"] == {
        "activity": "sit",
        "activity_id": "id0",
        "reason": "the runtime was stopped",
    }
    with Outputs(config(tmp_path, hook_receiver), io.StringIO()):
        pass
    assert len(hook_receiver.bodies) == 6


def test_a_reader_that_hangs_loses_the_oldest_lines() -> None:
    class Hanging(io.StringIO):
        def write(self, text: str) -> int:
            all_written.wait()  # for ever, if a caller waited for the reader
            return super().write(text)

    stream, all_written = Hanging(), threading.Event()
    writer = LineWriter(stream)
    for n in range(5000):
        writer.write(str(n))
    all_written.set()
    writer.close()
    assert writer.dropped > 0
    assert stream.getvalue().splitlines()[-1] == "4999"
