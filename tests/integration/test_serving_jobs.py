"""Videos that become jobs of a real service: progress, files of a job, cancelling, and that nothing stays.

Slow: whether a browser plays and seeks in what the service drew, whether a job that poses ends when it is cancelled,
and whether BentoML passes on ranges and refusals, only a real server shows. It is that of all tests of videos.
"""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from chromium import chromium
from posemill.errors import InputError, PosemillError, Unavailable
from posemill.serving.client import Client
from posemill.serving.schemas.analysis import JobStatus
from posemill.video.encode import VideoWriter
from posemill.video.probe import probe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("uploads_gone"),
    # OpenPifPaf's own plots, at its import, use what matplotlib will take away
    pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning"),
]


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Longer than what is answered at once, and than the patience of any test: 5 minutes."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    with VideoWriter(path, 20.0, 160, 120, preset="ultrafast", crf=40) as video:
        for i in range(6000):
            video.write(np.roll(image, i, 1))
    return path


def ended(client: Client, number: str) -> JobStatus:
    until = time.monotonic() + 60
    while (status := client.job(number)).state in ("queued", "running"):
        assert time.monotonic() < until, status
        time.sleep(0.05)
    return status


def test_a_job_answers_what_is_answered_at_once_and_draws_it(
    analysis_client: Client, waving_person: Path, tmp_path: Path
) -> None:
    number, told = analysis_client.start_video(waving_person, tracks=True), list[JobStatus]()
    answer = analysis_client.wait(number, told.append)
    assert answer == analysis_client.analyse_video(waving_person, tracks=True)
    assert [s.progress for s in told] == sorted(s.progress for s in told)
    before, drawn = probe(waving_person), probe(analysis_client.overlay(number, tmp_path / "o.mp4"))
    assert (drawn.width_px, drawn.height_px, drawn.frames) == (before.width_px, before.height_px, before.frames)
    assert drawn.duration_s == pytest.approx(before.duration_s, abs=0.05)
    sheet = cv2.imread(str(analysis_client.sheet(number, tmp_path / "s.jpg")))
    assert sheet is not None
    assert sheet.shape[1] == 4 * 322 + 2
    assert analysis_client.cancel(number).progress == 1.0
    with pytest.raises(InputError, match="404: there is no such job"):
        analysis_client.job(number)


def test_a_browser_plays_and_seeks_in_the_overlay(analysis_client: Client, waving_person: Path) -> None:
    number = analysis_client.start_video(waving_person)
    seconds = analysis_client.wait(number).video.duration_s
    with chromium() as browser:
        page = browser.new_page()
        page.goto(f"{analysis_client.url}/version")
        seen = page.evaluate(
            """async (source) => {
              const video = document.createElement('video');
              video.muted = true; video.src = source; document.body.append(video);
              await new Promise((yes, no) => {
                video.onloadeddata = yes; video.onerror = () => no(video.error.message);
              });
              await video.play();
              await new Promise(yes => { video.ontimeupdate = () => { if (video.currentTime > 0.2) yes(); }; });
              video.pause(); video.currentTime = 0.8 * video.duration;
              await new Promise(yes => { video.onseeked = yes; });
              return [video.videoWidth, video.duration, video.currentTime];
            }""",
            f"/jobs/{number}/overlay.mp4",
        )
    assert seen == [probe(waving_person).width_px, pytest.approx(seconds, abs=0.05), pytest.approx(0.8 * seconds, 0.01)]
    analysis_client.cancel(number)


def test_a_range_of_the_overlay(analysis_client: Client, waving_person: Path, tmp_path: Path) -> None:
    number = analysis_client.start_video(waving_person)
    analysis_client.wait(number)
    whole = analysis_client.overlay(number, tmp_path / "o.mp4").read_bytes()
    connection = http.client.HTTPConnection(urlsplit(analysis_client.url).netloc, timeout=30)
    connection.request("GET", f"/jobs/{number}/overlay.mp4", headers={"Range": "bytes=100-199"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes 100-199/{len(whole)}")
    assert answer.read() == whole[100:200]
    connection.close()
    analysis_client.cancel(number)


def test_a_long_video_is_a_job_that_ends_when_it_is_cancelled(analysis_client: Client, long_video: Path) -> None:
    class Enough(Exception):
        pass

    def stop(status: JobStatus) -> None:
        if status.frames_done:
            seen.append(status)
            raise Enough

    seen: list[JobStatus] = []
    with pytest.raises(Enough):
        analysis_client.analyse_video(long_video, progress=stop)  # cancels on its way out
    assert seen[0].frames == 1500  # every fourth is looked at
    status = ended(analysis_client, seen[0].job)
    assert status.state == "cancelled"
    assert status.frames_done < 1500
    with pytest.raises(InputError, match="409: the job is cancelled"):
        analysis_client.overlay(status.job, long_video.with_name("o.mp4"))
    with pytest.raises(PosemillError, match=r"cancelled$"):
        analysis_client.wait(status.job)


def test_so_many_at_once_and_no_more(analysis_client: Client, long_video: Path, waving_person: Path) -> None:
    numbers = [analysis_client.start_video(long_video) for _ in range(3)]
    with pytest.raises(Unavailable, match="3 videos are already being worked on or wait"):
        analysis_client.start_video(waving_person)
    assert {analysis_client.job(number).state for number in numbers[1:]} == {"queued"}
    for number in numbers:
        analysis_client.cancel(number)
    assert {ended(analysis_client, number).state for number in numbers} == {"cancelled"}
    assert analysis_client.analyse_video(waving_person).people
