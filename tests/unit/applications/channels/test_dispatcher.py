"""Events to receivers that are away, refuse, or come back: nothing is lost, and the stream never waits."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from posemill.applications.channels.channel import Channel
from posemill.applications.channels.dispatcher import EventDispatcher
from posemill.applications.channels.message import Message
from posemill.applications.protocol import Event, Severity
from posemill.delivery.receiver import Undeliverable, Undelivered
from posemill.delivery.spool import Spool
from waiting import until


class Receiver(Channel):
    """Fails as often as it is told, then takes messages."""

    away: int = 0
    refuses: str = ""

    def send(self, message: Message) -> None:
        attempts.append(message.event.message)
        if message.event.message == self.refuses:
            raise Undeliverable("no")
        if len(attempts) <= self.away:
            raise Undelivered("away")
        received.append(message)


attempts: list[str] = []
received: list[Message] = []


def setup_function() -> None:
    attempts.clear()
    received.clear()


def event(text: str, severity: Severity = Severity.ALARM, kind: str = "fall") -> Event:
    return Event(application="fall", kind=kind, person=0, time_s=2.0, start_s=1.0, severity=severity, message=text)


def texts() -> list[str]:
    return [message.event.message for message in received]


def test_messages_come_in_order_and_once(tmp_path: Path) -> None:
    with EventDispatcher([Receiver(name="a")], tmp_path) as dispatcher:
        for n in range(20):
            dispatcher.send_event(event(f"{n}"), "clip.mp4")
    assert texts() == [f"{n}" for n in range(20)]
    assert len({message.id for message in received}) == 20
    assert dispatcher.waiting == 0


def test_who_is_away_gets_everything_later_in_order(tmp_path: Path) -> None:
    with EventDispatcher([Receiver(name="a", away=3)], tmp_path, first_wait_s=0.01) as dispatcher:
        for n in range(4):
            dispatcher.send_event(event(f"{n}"), "clip.mp4")
        until(lambda: len(received) == 4)
    assert texts() == ["0", "1", "2", "3"]
    assert len(attempts) == 7


def test_a_refused_message_is_set_aside_and_the_next_ones_go(tmp_path: Path) -> None:
    with EventDispatcher([Receiver(name="a", refuses="1")], tmp_path) as dispatcher:
        for n in range(3):
            dispatcher.send_event(event(f"{n}"), "clip.mp4")
    assert texts() == ["0", "2"]
    assert len(list((tmp_path / "a" / "refused").iterdir())) == 1


def test_a_channel_sends_what_it_wants(tmp_path: Path) -> None:
    with EventDispatcher([Receiver(name="a", kinds=("fall",))], tmp_path) as dispatcher:
        dispatcher.send_event(event("info", Severity.INFO), "s")
        dispatcher.send_event(event("other", kind="cleared"), "s")
        dispatcher.send_event(event("warning", Severity.WARNING), "s")
    assert texts() == ["warning"]


def test_the_end_waits_no_longer_than_it_may_and_the_next_start_sends_the_rest(tmp_path: Path) -> None:
    started = time.monotonic()
    with EventDispatcher([Receiver(name="a", away=99)], tmp_path, patience_s=0.1, first_wait_s=60) as dispatcher:
        dispatcher.send_event(event("kept"), "clip.mp4")
    assert time.monotonic() - started < 30  # half of the first wait
    assert dispatcher.waiting == 1
    with EventDispatcher([Receiver(name="a")], tmp_path):
        until(lambda: texts() == ["kept"])


def test_a_killed_program_loses_no_message(tmp_path: Path) -> None:
    script = (
        "import sys, time; sys.path[:0] = ['tests']\n"
        "from pathlib import Path\n"
        "from posemill.applications.channels.dispatcher import EventDispatcher\n"
        "from posemill.applications.channels.webhook import Webhook\n"
        "from posemill.applications.protocol import Event\n"
        "hook = Webhook(name='a', url='http://127.0.0.1:9/never')\n"
        f"with EventDispatcher([hook], Path({str(tmp_path)!r})) as dispatcher:\n"
        "    for n in range(5):\n"
        "        event = Event(application='fall', kind='fall', person=0, time_s=0, start_s=0, severity='alarm', "
        "message=str(n))\n"
        "        dispatcher.send_event(event, 'camera 0')\n"
        "    print('sent', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"sent\n"
        running.send_signal(signal.SIGKILL)
    with EventDispatcher([Receiver(name="a")], tmp_path):
        until(lambda: len(received) == 5)
    assert texts() == [f"{n}" for n in range(5)]


def test_a_spool_keeps_the_newest_and_sets_rubbish_aside(tmp_path: Path) -> None:
    spool = Spool(tmp_path, Message.model_validate_json, most=3)
    for n in range(5):
        spool.add(Message.of(event(f"{n}"), "s", clock=lambda n=n: 1e9 + n))
    (tmp_path / "0rubbish.json").write_text("{")
    assert [message.event.message for message in spool.waiting()] == ["2", "3", "4"]
    assert len(list((tmp_path / "refused").iterdir())) == 3


def test_attempts_at_one_event_have_one_id() -> None:
    one = Message.of(event("a"), "s", clock=lambda: 1.0)
    assert one.id == Message.of(event("a"), "s", clock=lambda: 1.0).id
    assert one.id != Message.of(event("a"), "s", clock=lambda: 2.0).id
