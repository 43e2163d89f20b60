"""Pictures of a project: its architecture, its data flow, and the recall of every activity with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from posemill.evaluation.classification_metrics import wilson_interval
from posemill.handover.documents.drawing import ACCENT, INK, PALE, SOFT, WARM, Drawing, Line, Rect, Text
from posemill.handover.facts import ActivityFigures, ProjectFacts

WIDTH = 720.0


def architecture(facts: ProjectFacts, folders: Sequence[str]) -> Drawing:
    """The parts that a client runs, and what is in each."""
    drawing = Drawing(
        WIDTH, 370, "Architecture: pose estimator, feature pipeline and activity network in four deliverables"
    )
    window = facts.features["window"]
    pose = " + ".join(facts.pose_networks)
    steps = [
        ("Video, camera", "pixels"),
        ("Pose estimator", pose),
        ("Tracking", "one track a person"),
        ("Feature pipeline", f"{window['duration_s']:g} s windows, {window['rate_hz']:g} Hz"),
        ("Activity network", f"{facts.network['name']}, ONNX"),
        ("Verdict", f"{len(facts.activities)} activities"),
    ]
    width, gap, top = 107.0, 15.6, 34.0
    drawing.text(0, 16, "From a picture to an answer", 12, INK)
    for i, (name, below) in enumerate(steps):
        x = i * (width + gap)
        drawing.box(x, top, width, 58, [name, *_wrapped(below, 20)], PALE if i in (3, 4) else "#ffffff")
        if i:
            drawing.arrow((x - gap, top + 29), (x, top + 29))
    drawing.text(0, 112, "Shaded: the same feature pipeline and network in every deliverable.", 10)
    drawing.text(0, 168, "What runs where", 12, INK)
    parts = [
        ("bentoml", ["Small service", "keypoints → activities", "HTTP, ONNX Runtime", "posemill-activity"], 3),
        ("bentoml", ["Analysis service", "videos → activities", "page, jobs, live stream", "posemill-analysis"], 0),
        ("edge", ["Edge export", "cameras → events", "OpenVINO, no network", "edge/posemill-edge"], 0),
        ("browser", ["Browser export", "camera → activities", "no picture leaves it", "browser/index.html"], 0),
    ]
    shown = [part for part in parts if part[0] in folders]
    width = (WIDTH - 24 * (len(shown) - 1)) / len(shown)
    for i, (_, lines, _) in enumerate(shown):
        x = i * (width + 24)
        drawing.box(x, 184, width, 84, lines, WARM if lines[0] == "Analysis service" and _agpl(facts) else "#ffffff")
    drawing.box(
        0,
        308,
        WIDTH,
        48,
        ["Client's systems", "events by webhook, e-mail, MQTT · predictions by HTTP · log and drift in PostgreSQL"],
    )
    for i in range(len(shown)):
        x = i * (width + 24) + width / 2
        drawing.arrow((x, 268), (x, 308))
    if _agpl(facts):
        drawing.text(WIDTH, 168, "warm: AGPL-3.0 applies", 10, SOFT, "end")
    return drawing


def data_flow(facts: ProjectFacts) -> Drawing:
    """The stages from media to the packaged model, with the counts of this project."""
    drawing = Drawing(WIDTH, 280, "Data flow: from media over the stages to the packaged model, with counts")
    r, m = facts.results, facts.metrics
    label, validate, prepare, train = (r.get(n, {}) for n in ("label", "validate", "prepare", "train"))
    boxes = [
        ("Media", f"{facts.media} files", f"{facts.duration_s / 60:.1f} minutes"),
        ("Pose labelling", f"{label.get('poses', 0)} poses", f"{label.get('quarantined', 0)} media set aside"),
        ("Validation", f"{validate.get('clips', 0)} clips passed", f"{validate.get('clips_rejected', 0)} rejected"),
        (
            "Windows",
            f"{prepare.get('windows', 0)} from {prepare.get('clips', 0)} clips",
            f"split by {prepare.get('split_by')}",
        ),
        ("Training", f"{train.get('epochs', 0)} epochs", f"best: {train.get('best_epoch', '–')}"),
        ("Evaluation", f"accuracy {m['accuracy']:.3f}", f"{m['clips']} test clips"),
        ("Package", "ONNX, OpenVINO", f"{len(facts.results['evaluate']['gates'])} gates passed"),
        ("Services, exports", "bentos, edge, browser", "acceptance by the client"),
    ]
    width, height, gap = 150.0, 64.0, 40.0
    for i, lines in enumerate(boxes):
        row, column = divmod(i, 4)
        x = column * (width + gap) if row == 0 else (3 - column) * (width + gap)
        y = 30 + row * 120
        drawing.box(x, y, width, height, lines, PALE if i in (0, 7) else "#ffffff")
        if i == 4:
            drawing.arrow((x + width / 2, 30 + height), (x + width / 2, y))
        elif i and row == 0:
            drawing.arrow((x - gap, y + height / 2), (x, y + height / 2))
        elif i:
            drawing.arrow((x + width + gap, y + height / 2), (x + width, y + height / 2))
    splits = " · ".join(
        f"{n} {facts.splits[n][0]} clips, {facts.splits[n][1]} subjects" for n in _SPLITS if n in facts.splits
    )
    drawing.text(
        0, 14, "Every arrow is recorded with digests in lineage/graph.json (DVC); the test split decides nothing.", 10
    )
    drawing.text(0, 250, splits, 10, INK)
    drawing.text(
        0,
        268,
        "Labels come from people or from the data set; corrections go back into the database and start a new version.",
        10,
    )
    return drawing


_SPLITS = ("train", "validation", "test")


def recall_chart(activities: Sequence[ActivityFigures]) -> Drawing:
    """Recall of every activity on the test split, with its 95 % Wilson interval."""
    row, left, right = 22.0, 150.0, 500.0
    drawing = Drawing(
        WIDTH, row * len(activities) + 44, "Recall of every activity on the test split with 95 % intervals"
    )
    bottom = 12 + row * len(activities)
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = left + tick * (right - left)
        drawing.shapes.append(Line(((x, 8), (x, bottom)), "#dfe5ea", 1))
        drawing.text(x, bottom + 16, f"{tick:g}", 9.5, SOFT, "middle")
    for i, figures in enumerate(activities):
        y = 12 + i * row
        drawing.text(left - 10, y + 13, figures.name[:24], 10.5, INK, "end")
        if not figures.test:
            drawing.text(left + 6, y + 13, "no clip in the test split", 9.5)
            continue
        share, (low, high) = figures.right / figures.test, wilson_interval(figures.right, figures.test)
        drawing.shapes.append(Rect(left, y + 4, max(share * (right - left), 0.5), 12, "#9fd0c9", "#9fd0c9", 2))
        a, b = (left + edge * (right - left) for edge in (low, high))
        drawing.shapes.append(Line(((a, y + 10), (b, y + 10)), ACCENT, 1.8))
        drawing.shapes += [Line(((x, y + 6), (x, y + 14)), ACCENT, 1.8) for x in (a, b)]
        said = f"{share:.2f}  ({low:.2f} to {high:.2f}), {figures.right} of {figures.test}"
        drawing.shapes.append(Text(right + 12, y + 13, said, 10, INK))
    return drawing


def _agpl(facts: ProjectFacts) -> bool:
    from posemill.estimation.licence import licence

    return "AGPL" in licence(facts.labeller.get("backend"))


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)[:2]
