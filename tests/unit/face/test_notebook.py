"""Tracks and predictions in a notebook: HTML that stands alone."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from made_up_tracks import made_up
from packaged import walking_track
from posemill.pose.skeleton import COCO_17
from posemill.prediction.schema import Person, Prediction, Segment, TrackPrediction, Verdict, VideoFacts

VERDICT = Verdict(activity="wave", probability=0.9, probabilities={"wave": 0.9, "<i>": 0.1})
SEGMENTS = [
    Segment(start_s=0, end_s=2, activity="wave", probability=0.9),
    Segment(start_s=2, end_s=3, activity="<i>", probability=0.4, abstained=True),
]


class Tags(HTMLParser):
    """Counts tags, and checks that each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload"}
        self.names.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)


def test_a_track_is_a_strip_of_skeletons() -> None:
    tags = Tags(walking_track(COCO_17)._repr_html_())
    assert tags.names.count("svg") == 1
    assert tags.names.count("line") == 10 * len(COCO_17.edges)
    assert not {"script", "img", "link", "style"} & set(tags.names)


def test_tracks_are_a_strip_and_a_timeline_each() -> None:
    html = made_up(3, people=3, frames=40)._repr_html_()
    assert Tags(html).names.count("svg") == 6
    assert "3 people" in html
    assert "and 2 more" in made_up(1, people=10)._repr_html_()


def test_nobody_and_nothing_seen_can_be_shown() -> None:
    tracks = made_up(1, people=1)
    Tags(replace(tracks, tracks=())._repr_html_())
    (track,) = tracks.tracks
    Tags(track.rows(np.zeros(len(track), bool))._repr_html_())
    unseen = replace(track, xy=np.full_like(track.xy, np.nan), confidence=np.zeros_like(track.confidence))
    assert "no keypoint seen" in unseen._repr_html_()


def test_a_prediction_is_a_timeline_a_person_and_escapes_what_it_shows() -> None:
    person = Person(person=0, start_s=0, end_s=3, poses=75, verdict=VERDICT, segments=SEGMENTS)
    video = VideoFacts(width_px=4, height_px=2, frames=75, duration_s=3, skeleton="coco-17")
    answer = Prediction(video=video, verdict=VERDICT, main_subject=0, people=[person])
    html = answer._repr_html_()
    assert Tags(html).names.count("svg") == 1
    assert "wave (0.90)" in html
    assert "<i>" not in html
    nobody = Prediction(video=video, verdict=None, main_subject=None, people=[], note="nobody was found")
    assert "nobody was found" in nobody._repr_html_()
    track = TrackPrediction(verdict=VERDICT, segments=SEGMENTS, windows=[])
    assert Tags(track._repr_html_()).names.count("rect") == 3
