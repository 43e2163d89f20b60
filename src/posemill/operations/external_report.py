"""Report of an evaluation on external videos: predictions, and contact sheets with the skeletons found."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from posemill.report.page import Cell, Figure, Page, percent

if TYPE_CHECKING:
    from posemill.operations.external_results import ExternalResult, ExternalVerdict
    from posemill.pose.track import MediumTracks

PICTURES, COLUMNS, CELL_PX = 12, 6, 200
_TONES: Mapping[str, Literal["good", "bad", "warn"]] = {"right": "good", "wrong": "bad"}


def sheet(folder: Path, video: Path, tracks: MediumTracks) -> Path:
    """A JPEG of some frames with everybody's skeleton and number; drawn once for a video and labeller."""
    from posemill.estimation.overlay import Overlay
    from posemill.video.draw import contact_sheet, write_jpeg
    from posemill.video.sandboxed import read_frames_sandboxed

    path = folder / f"{tracks.medium[:16]}-{tracks.labeller[:16]}.jpg"
    if path.is_file():
        return path
    overlay, stride = Overlay(tracks, sides=True), max(1, -(-tracks.frames // PICTURES))
    drawn = [overlay.draw(frame) for frame in read_frames_sandboxed(video, stride)][:PICTURES]
    captions = [f"{frame.time_s:.1f} s: {', '.join(map(str, people)) or 'nobody'}" for frame, people in drawn]
    cell = CELL_PX, max(1, round(CELL_PX * tracks.height_px / tracks.width_px))
    write_jpeg(path, contact_sheet([frame.image for frame, _ in drawn], COLUMNS, captions, cell_px=cell), 80)
    return path


def page(result: ExternalResult, sheets: Mapping[str, Path]) -> Page:
    """The whole report; `sheets` are the pictures by medium."""
    page = Page(
        "External videos",
        f"The videos of {result.folder} end to end: video, poses, tracks, main subject, verdict.",
        f"posemill evaluate --videos · network {result.network} {result.weights[:12]} · "
        f"labeller {result.labeller[:12]}",
    )
    _top(page, result)
    page.section("Clips", "The label of each, and the prediction over all windows of the main subject.")
    columns = ["File", "Label", "Predicted", "Probability", "Windows", "People", "Outcome"]
    page.table(columns, [_row(v) for v in result.verdicts])
    if result.agreement:
        page.section("Consistency", "The same tracks at other frame rates or mirrored: the verdict should stay.")
        rows = [(way, percent(s), percent(result.top1_changed[way])) for way, s in result.agreement.items()]
        page.table(["Change", "Same verdict", "Right"], rows)
    page.section("Tracks", "Limbs of a person's left are orange, of the right blue; numbers name people.")
    for v in result.verdicts:
        page.heading(v.file)
        page.text(_sentence(v))
        if v.medium in sheets:
            picture = base64.b64encode(sheets[v.medium].read_bytes()).decode()
            page.picture(f"data:image/jpeg;base64,{picture}", f"Frames of {v.file} with the skeletons found")
    return page


def _top(page: Page, result: ExternalResult) -> None:
    interval = ""
    if result.low is not None and result.high is not None:
        interval = f"95 % interval {percent(result.low)} – {percent(result.high)}"
    left_out = f"{result.unknown} unknown to the model, {result.unlabelled} without label, {result.unreadable} broken"
    figures = [
        Figure("Top-1", "–" if result.top1 is None else percent(result.top1), interval),
        Figure(
            "Right",
            f"{result.right} of {result.clips}",
            f"{result.unanswered} without any answer, unsure {result.abstained}",
        ),
        Figure("Not counted", str(len(result.verdicts) - result.clips), left_out),
    ]
    if result.benchmark is not None:
        figures.append(Figure("Test split", percent(result.benchmark, 1), "of the same network, as evaluate judged it"))
    page.figures(figures)


def _row(v: ExternalVerdict) -> tuple[str | int | Cell, ...]:
    sure = "–" if v.probability is None else percent(v.probability)
    outcome = Cell(v.outcome, _TONES.get(v.outcome, "warn"))
    return v.file, v.truth or "–", v.predicted or "–", sure, v.windows, v.people, outcome


def _sentence(v: ExternalVerdict) -> str:
    """Return the prediction of a clip as a sentence, its second and third choice too."""
    if v.note:
        return f"{v.outcome}: {v.note}"
    order = sorted(v.probabilities, key=lambda name: -v.probabilities[name])[:3]
    said = ", ".join(f"{name} {percent(v.probabilities[name])}" for name in order)
    other = "; ".join(f"{way}: {name or 'no answer'}" for way, name in v.changed.items() if name != v.predicted)
    whom = f"person {v.person}" + (f" ({v.place})" if v.place else "")
    return f"{v.outcome}: {whom}, {said}" + (f" (but {other})" if other else "")
