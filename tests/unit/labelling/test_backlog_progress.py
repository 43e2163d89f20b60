from __future__ import annotations

import io
import json
import re

import pytest

from posemill.labelling.progress import ChunkResult, JsonLines, LogLines, duration, progress


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_a_line_now_and_then_with_rate_persons_and_time_left() -> None:
    said: list[str] = []
    clock = Clock()
    lines = LogLines(said.append, clock)
    lines.begin(1, 1000)
    lines.grown(3)
    for number in range(400):
        clock.now += 0.1
        lines.frame("a" * 64, number % 2 + 1)
    lines.done(ChunkResult("a" * 64, (0, 400), 400, 600, 40.0))
    lines.end()
    assert said[0] == "labelling 1 chunks, 1000 frames"
    assert len(said) == 3  # one after 30 s, one at the end
    assert said[-1] == (
        "labelling: 400 of 1000 frames, 10.0 frames/s, 1.5 persons a frame, chunk 1 of 4, 1 min 00 s left"
    )


def test_a_guessed_length_is_called_one() -> None:
    said: list[str] = []
    clock = Clock()
    lines = LogLines(said.append, clock)
    lines.begin(2, 300, about=True)
    clock.now += 10
    for _ in range(310):
        lines.frame("a" * 64, 1)
    lines.end()
    assert said[0] == "labelling 2 chunks, about 300 frames"
    assert said[1] == "labelling: 310 of about 300 frames, 31.0 frames/s, 1.0 persons a frame, chunk 0 of 2, 0 s left"


def test_where_nothing_is_to_do_nothing_is_said() -> None:
    said: list[str] = []
    lines = LogLines(said.append, Clock())
    lines.begin(0, 0)
    lines.end()
    assert said == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("total", [98_765, None])
def test_the_bar_is_one_line(total: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with progress() as bar:
        bar.begin(34, total)
        for _ in range(1200):
            bar.frame("a" * 64, 2)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    lines = [line for line in re.split(r"[\r\n]+", plain) if line.strip()]
    assert all(line.startswith("labelling ") and len(line) <= 80 for line in lines), lines
    assert "2.0 persons, chunk 0 of 34" in lines[-1]


def test_a_failure_names_where_the_file_came_from() -> None:
    said: list[str] = []
    report = LogLines(said.append, Clock())
    report.failed("a" * 64, "the file is empty", again=False, source="gym/a.mp4")
    report.failed("b" * 64, "out of memory", again=True)
    assert said == [
        "gym/a.mp4 (aaaaaaaaaaaa): the file is empty (quarantined)",
        "bbbbbbbbbbbb: out of memory (is tried again)",
    ]


def test_machines_get_one_object_a_chunk() -> None:
    said: list[str] = []
    report = JsonLines(said.append)
    report.done(ChunkResult("m", (0, 300), 300, 450, 15.0))
    report.done(ChunkResult("m", (300, None), 0, 0, None))
    report.failed("n", "damaged", again=False, source="n.mp4")
    first, found, failed = map(json.loads, said)
    assert first == {
        "event": "done",
        "medium": "m",
        "start_frame": 0,
        "end_frame": 300,
        "frames": 300,
        "poses": 450,
        "seconds": 15.0,
        "frames_per_second": 20.0,
    }
    assert (found["seconds"], found["frames_per_second"], found["end_frame"]) == (None, None, None)
    assert failed == {"event": "quarantined", "medium": "n", "reason": "damaged", "source": "n.mp4"}


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "0 s"), (59.4, "59 s"), (250, "4 min 10 s"), (11_100, "3 h 05 min")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
