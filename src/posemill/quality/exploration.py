"""exploration.html: data exploration report, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from posemill.quality.outcomes import ExpectationOutcome, QualityReport
from posemill.quality.track_survey import BINS, KeypointCounts, TrackSurvey
from posemill.report import plots, skeletons
from posemill.report.page import Cell, Figure, Page, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LISTED = 12
_OF = {"row": "row", "set": "set"}


@dataclass(frozen=True, slots=True, eq=False)
class Exploration:
    """Content of the report: the tables of ingest and label, the clip table with its metrics, and the outcomes.

    clips     as `facts.clip_facts` returns them, accepted or not; accepted  keys of the accepted ones.
    tracks    as Survey.tracks(); rejected  rows of rejected.parquet.
    """

    media: pd.DataFrame
    labelled: pd.DataFrame
    clips: pd.DataFrame
    accepted: pd.Series[int]
    tracks: pd.DataFrame
    rejected: pd.DataFrame
    survey: TrackSurvey
    report: QualityReport


def page(data: Exploration) -> Page:
    """Build the exploration report."""
    page = Page(
        "Data exploration",
        "Clips, media and keypoints as they came out of labelling, and the outcome of validation.",
        "posemill validate · limits are in expectations/, measures in the validate section of params.yaml",
    )
    _top(page, data)
    _rejected(page, data)
    _classes(page, data)
    _sheets(page, data)
    _media(page, data)
    for counts in data.survey.keypoints.values():
        _keypoints(page, counts)
    _tracks(page, data)
    _outcomes(page, data)
    return page


def _top(page: Page, data: Exploration) -> None:
    faults = data.report.set_faults
    if faults:
        page.banner(" ".join(f"{fault.sentence()}." for fault in faults), "bad")
    else:
        page.banner(f"The data passed all {data.report.expectations} expectations for the set as a whole.", "good")
    labelled = int(data.clips["activity"].notna().sum())
    bad_tracks = int((data.rejected["what"] == "track").sum())
    page.figures(
        [
            Figure("Clips accepted", f"{len(data.accepted)}", f"of {len(data.clips)}, {labelled} with an activity"),
            Figure("Activities", str(data.clips["activity"].nunique()), f"{data.clips['subject'].nunique()} subjects"),
            Figure("Media", str(len(data.labelled)), _quarantined(data.labelled)),
            Figure("Video", _duration(float(data.media["duration_s"].sum())), _frames(data.labelled)),
            Figure("Tracks", str(len(data.tracks)), f"{bad_tracks} rejected"),
            Figure("Keypoints seen", percent(_share_seen(data.survey)), "of all in the poses found"),
        ]
    )


def _outcomes(page: Page, data: Exploration) -> None:
    page.section(
        "Expectations",
        "As their suites say them. Rows that fail are rejected; a failure of the set stops the run.",
    )
    for suite in data.report.suites:
        rows = [(o.says, _OF[o.level], o.allowed, o.observed, _verdict(o)) for o in suite.outcomes]
        title = f"{suite.suite.capitalize()}: {suite.rows} rows, {suite.rejected} rejected"
        page.table(["Expected", "Of", "Allowed", "Observed", "Outcome"], rows, title)


def _rejected(page: Page, data: Exploration) -> None:
    page.section("Rejected clips and tracks", "They failed a check, or their medium could not be read.")
    if not len(data.rejected):
        page.text("Nothing was rejected.")
        return
    says = data.rejected["reason"].str.split(":").str[0]
    counted = data.rejected.groupby(["what", says]).size().sort_values(ascending=False).head(_LISTED)
    rows = [(str(reason), str(what), int(n)) for (what, reason), n in counted.items()]
    page.table(["Expected", "Of a", "Rejected"], rows)


def _classes(page: Page, data: Exploration) -> None:
    good = data.clips[data.clips["clip"].isin(data.accepted)]
    page.section(
        "Class balance", "Accepted clips of each activity. A rare one is hard to learn and harder to evaluate."
    )
    counts = good["activity"].value_counts()
    figure, (ax,) = plots.axes(8, 0.7 + 0.3 * max(len(counts), 1))
    plots.bars(ax, [str(a) for a in counts.index], counts.to_list())
    page.picture(plots.svg(figure), f"Bars: accepted clips of {len(counts)} activities")
    table = good.groupby("activity").agg(
        clips=("clip", "size"),
        subjects=("subject", "nunique"),
        seconds=("length_s", "sum"),
        usual_s=("length_s", "median"),
    )
    rows = [
        (str(a), int(r.clips), int(r.subjects), _duration(r.seconds), f"{r.usual_s:.1f} s") for a, r in table.iterrows()
    ]
    page.table(["Activity", "Clips", "Subjects", "Altogether", "Usual clip"], rows)


def _sheets(page: Page, data: Exploration) -> None:
    page.section(
        "Drawn clips",
        "The most visible person of some clips of each activity, from left to right in "
        "time. Orange is the person's left, blue the right. Look whether the drawings show the activity.",
    )
    bad = set(zip(*_rejected_tracks(data.rejected), strict=True))
    activity = data.clips.drop_duplicates("clip").set_index("clip")["activity"]
    medium = data.clips.drop_duplicates("clip").set_index("clip")["medium"]
    accepted = set(data.accepted)
    strips: dict[str, list[skeletons.Strip]] = {}
    for clip, (person, strip) in data.survey.strips.items():
        if clip in accepted and (medium[clip], person) not in bad:
            strips.setdefault(activity[clip], []).append(strip)
    for name in sorted(strips):
        page.heading(name)
        page.picture(skeletons.sheet(strips[name]), f"Drawn skeletons of {len(strips[name])} clips of {name}")


def _media(page: Page, data: Exploration) -> None:
    page.section("Media", "Length of clips, frame rate of cameras, and people a medium.")
    figure, axes = plots.axes(9, 2.6, 1, 3)
    video = data.media[data.media["kind"] == "video"]
    plots.histogram(axes[0], data.clips["length_s"].to_numpy(float), "Length of clips", "seconds")
    plots.histogram(
        axes[1], (video if len(video) else data.media)["fps"].to_numpy(float), "Frame rate", "frames a second"
    )
    plots.histogram(axes[2], data.labelled["persons"].to_numpy(float), "Persons", "a medium", bins=12)
    page.picture(plots.svg(figure), "Histograms of clip length, frame rate and persons in a medium")
    lost = data.labelled[data.labelled["status"] == "quarantined"]
    if len(lost):
        rows = [(str(m)[:12], str(r)) for m, r in zip(lost["medium"], lost["reason"], strict=True)][:_LISTED]
        page.table(["Medium", "Reason"], rows, f"In quarantine: {len(lost)} media")


def _keypoints(page: Page, counts: KeypointCounts) -> None:
    name = counts.skeleton.name
    page.section(
        f"Keypoints of {name}",
        f"How often each keypoint is seen in {counts.poses} poses, and its confidence "
        "where it is (the dot is the median). Confidence cannot be compared between labellers.",
    )
    names = [k.replace("_", " ") for k in counts.skeleton.keypoints]
    figure, (left, right) = plots.axes(9, 0.9 + 0.24 * len(names), 1, 2)
    share = counts.seen / max(counts.poses, 1)
    plots.bars(left, names, share.tolist(), [percent(s) for s in share])
    left.set_title("seen")
    _confidence(right, counts)
    page.picture(plots.svg(figure), f"Share of poses in which each keypoint of {name} is seen, and its confidence")


def _confidence(ax: Axes, counts: KeypointCounts) -> None:
    """One row a keypoint, one column a step of confidence, darker where more."""
    from matplotlib.colors import LinearSegmentedColormap

    density = counts.confidence / np.maximum(counts.confidence.max(1, keepdims=True), 1)
    colors = LinearSegmentedColormap.from_list("posemill", ["#ffffff", plots.ACCENT])
    ax.imshow(density, aspect="auto", cmap=colors, extent=(0, 1, len(density) - 0.5, -0.5), vmin=0, vmax=1)
    ax.set_yticks([])
    ax.set_xlabel("confidence")
    ax.set_title("confidence where seen")
    ax.spines[:].set_visible(False)
    middle = (np.arange(BINS) + 0.5) / BINS
    half = np.cumsum(counts.confidence, 1) >= counts.confidence.sum(1, keepdims=True) / 2
    some = counts.seen > 0
    ax.plot(middle[half.argmax(1)][some], np.flatnonzero(some), ".", color=plots.SECOND, markersize=6)


def _tracks(page: Page, data: Exploration) -> None:
    page.section(
        "Tracks",
        "Track quality: how many keypoints are seen in a usual pose, how often bones jump in length, and how large "
        "people are in the picture.",
    )
    figure, axes = plots.axes(9, 2.6, 1, 3)
    plots.histogram(axes[0], data.tracks["seen_keypoints"].to_numpy(float), "Keypoints seen", "in the median pose")
    plots.histogram(axes[1], 100 * data.tracks["bone_jump_share"].to_numpy(float), "Bone jumps", "% of steps")
    plots.histogram(axes[2], data.tracks["body_px"].to_numpy(float), "Size of the person", "pixels")
    page.picture(plots.svg(figure), "Histograms of keypoints seen, bone jumps and size of the person, over tracks")


def _rejected_tracks(rejected: pd.DataFrame) -> tuple[list[str], list[int]]:
    rows = rejected[rejected["what"] == "track"]
    return rows["medium"].to_list(), rows["person"].astype(int).to_list()


def _share_seen(survey: TrackSurvey) -> float:
    total = sum(c.poses * len(c.skeleton) for c in survey.keypoints.values())
    return sum(int(c.seen.sum()) for c in survey.keypoints.values()) / max(total, 1)


def _quarantined(labelled: pd.DataFrame) -> str:
    return f"{int((labelled['status'] == 'quarantined').sum())} in quarantine"


def _verdict(outcome: ExpectationOutcome) -> Cell:
    if outcome.passed:
        return Cell("passed", "good")
    return Cell(f"{outcome.faults} rejected", "warn") if outcome.level == "row" else Cell("failed", "bad")


def _frames(labelled: pd.DataFrame) -> str:
    return f"{int(labelled['frames'].fillna(0).sum())} frames"


def _duration(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"
