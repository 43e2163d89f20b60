"""The documentation of a project: what it does, figures, how it was made, limits; and the chapters on its bundle."""

from __future__ import annotations

from posemill.handover.documents import operating, pictures
from posemill.handover.documents.content import Document, KeyFigure, Section
from posemill.handover.documents.operating import Handed
from posemill.handover.facts import ProjectFacts


def guide(facts: ProjectFacts, handed: Handed) -> Document:
    """Write the documentation of a project."""
    m = facts.metrics
    names = ", ".join(a.name for a in facts.activities[:4])
    sections = [
        _task(facts, handed),
        _figures(facts),
        _making(facts),
        _limits(facts),
        operating.operation(facts, handed),
        operating.retraining(),
        operating.rolling_back(facts),
        operating.content(handed),
        operating.licences(handed),
        operating.trust(facts, handed),
    ]
    return Document(
        title=f"Activity recognition: {handed.name}",
        lead=f"Names what people do from pose keypoints: {len(facts.activities)} activities such as {names}.",
        figures=(
            KeyFigure("accuracy", f"{m['accuracy']:.3f}", f"95 %: {m['accuracy_low']:.3f} to {m['accuracy_high']:.3f}"),
            KeyFigure("macro F1", f"{m['macro_f1']:.3f}", f"95 %: {m['macro_f1_low']:.3f} to {m['macro_f1_high']:.3f}"),
            KeyFigure("weakest recall", f"{m['class_recall']:.2f}", _weakest(facts)),
            KeyFigure("test split", f"{m['clips']} clips", f"{m['subjects']} subjects, unseen in training"),
        ),
        sections=tuple(sections),
        footer=f"posemill, {handed.made_at[:10]}; model {facts.digests['model'][:12]}, bento {facts.tags['activity']}.",
    )


def _weakest(facts: ProjectFacts) -> str:
    judged = [a for a in facts.activities if a.test]
    worst = min(judged, key=lambda a: a.right / a.test)
    return f"{worst.name}, {worst.right} of {worst.test} clips"


def _task(facts: ProjectFacts, handed: Handed) -> Section:
    window = facts.features["window"]
    seen = facts.features["skeleton"]
    none = "It answers “none of these” where a movement is unlike all that it was taught. " if _open_set(facts) else ""
    return (
        Section("What it does")
        .text(
            f"People in videos or camera pictures are found by a pose estimator ({_estimator(facts)}), "
            f"followed over time, and cut into windows of {window['duration_s']:g} s. A temporal network "
            f"({facts.network['name']}) gives every window a probability of each activity; the verdict on a clip is "
            f"the aggregate of its windows. {none}Pictures are not needed after the keypoints are found.",
            f"Input: tracks of skeleton {seen['name']} ({len(seen['keypoints'])} keypoints) at any frame rate, or "
            "videos. Output: a verdict with its probability, and a timeline of activities for every person.",
        )
        .text(f"Activities: {', '.join(a.name for a in facts.activities)}.")
        .picture(
            pictures.architecture(facts, [f.rstrip("/") for f in handed.folders]), "Architecture of what is handed over"
        )
    )


def _open_set(facts: ProjectFacts) -> bool:
    return "known_accepted" in facts.metrics


def _figures(facts: ProjectFacts) -> Section:
    m = facts.metrics
    rows = [
        (
            "accuracy of clips",
            f"{m['accuracy']:.3f}",
            f"{m['accuracy_low']:.3f} to {m['accuracy_high']:.3f}",
            "by clip (Wilson)",
        ),
        (
            "the same, by subject",
            f"{m['accuracy']:.3f}",
            f"{m['accuracy_low_by_subject']:.3f} to {m['accuracy_high_by_subject']:.3f}",
            f"bootstrap over {m['subjects']} subjects",
        ),
        (
            "macro F1",
            f"{m['macro_f1']:.3f}",
            f"{m['macro_f1_low']:.3f} to {m['macro_f1_high']:.3f}",
            "bootstrap by clip",
        ),
        (
            "clips without a prediction",
            str(m["clips_without_prediction"]),
            "–",
            f"counted as wrong, accuracy is {m['accuracy_with_missing']:.3f}",
        ),
        (
            "expected calibration error",
            f"{m['ece']:.3f}",
            "–",
            f"before temperature scaling: {m['ece_uncalibrated']:.3f}",
        ),
        (
            "selective accuracy",
            "–" if m["selective_accuracy"] is None else f"{m['selective_accuracy']:.3f}",  # where it abstains from all
            "–",
            f"of the {m['coverage']:.1%} of clips that it answers",
        ),
    ]
    if "frame_rate_consistency" in m:
        rows.append(
            (
                "same verdict at other frame rates",
                f"{m['frame_rate_consistency']:.3f}",
                "–",
                "10 to 60 frames/s, losses",
            )
        )
    if "accuracy_lost_to_jitter" in m:
        lost = f"dropout {m['accuracy_lost_to_dropout']:.3f}, swapped sides {m['accuracy_lost_to_swaps']:.3f}"
        rows.append(("accuracy lost to keypoint noise", f"{m['accuracy_lost_to_jitter']:.3f}", "–", lost))
    section = (
        Section("Figures")
        .text(
            f"All figures are of the test split: {m['clips']} clips of {m['subjects']} subjects who are in no other "
            "split. The test split chose nothing: thresholds and temperature are fitted on the validation split."
        )
        .table(("figure", "value", "95 % interval", "how"), rows, "Headline figures", (0.3, 0.12, 0.2, 0.38))
        .picture(pictures.recall_chart(facts.activities), "Recall of every activity with its 95 % interval (Wilson)")
    )
    mistakes = [(a.name, a.mistaken_for, f"{a.test - a.right} of {a.test}") for a in facts.activities if a.mistaken_for]
    if mistakes:
        section.table(
            ("activity", "most often taken for", "wrong"), mistakes, "Mistakes on the test split", (0.35, 0.4, 0.25)
        )
    section.heading("Gates").bullets(facts.results["evaluate"]["gates"])
    return _acceptance(facts, section)


def _acceptance(facts: ProjectFacts, section: Section) -> Section:
    section.heading("Acceptance")
    if accepted := facts.results.get("accept"):
        section.text(f"Smoke test of the served bento: {accepted['says']}.")
    for v in facts.registry.verdicts:
        said = "accepted" if v["accepted"] else "rejected"
        section.text(
            f"Verdict {v['number']}: {v['bento']} {said} by {v['by']} on {v['at'][:10]}; report {v['report_state']}."
        )
    if not facts.registry.verdicts:
        section.text("No verdict of a client is signed yet: run `posemill uat run` and `posemill uat sign`.")
    return section


def _making(facts: ProjectFacts) -> Section:
    r = facts.results
    label, validate, prepare, train = (r.get(n, {}) for n in ("label", "validate", "prepare", "train"))
    rows = [(n, f"{c} clips", facts.registry.licences.get(n) or "as its owner says") for n, c in facts.datasets.items()]
    quality = ""
    if label.get("mean_oks") is not None:
        quality = f" Against ground truth: mean OKS {label['mean_oks']:.3f}"
        quality += f", recall at OKS 0.5 {label['recall_at_oks_50']:.3f}."
    return (
        Section("How it was made")
        .picture(pictures.data_flow(facts), "Data flow with the counts of this project")
        .table(("data set", "size", "licence"), rows, "Training data", (0.4, 0.2, 0.4))
        .table(
            ("activity", "train", "validation", "test"),
            [(a.name, str(a.train), str(a.validation), str(a.test)) for a in facts.activities],
            "Clips by activity and split",
            (0.4, 0.2, 0.2, 0.2),
        )
        .bullets(
            [
                f"{_posed(facts)}; {label.get('poses', 0)} poses of {label.get('persons', 0)} people.{quality}",
                f"Validation (Great Expectations): {validate.get('expectations', 0)} expectations; "
                f"{validate.get('clips_rejected', 0)} clips and {validate.get('tracks_rejected', 0)} tracks rejected.",
                f"Windows: {prepare.get('windows', 0)}, split by {prepare.get('split_by')}; "
                f"{prepare.get('shared_subjects', 0)} subjects shared between splits.",
                f"Training: {train.get('network')} with {train.get('parameters', 0)} parameters, "
                f"{train.get('epochs', 0)} epochs, best {train.get('best_epoch', '–')}, {train.get('seconds', 0):.0f} "
                "s.",
                f"Calibration: logits are divided by {facts.metrics['temperature']:.3f}, fitted on the "
                "validation split.",
            ]
        )
        .table(
            ("report", "file"),
            [
                ("data, with drawn clips", "workspace/build/validate/exploration.html"),
                ("Data Docs of Great Expectations", "workspace/build/validate/docs/index.html"),
                ("evaluation", "workspace/build/evaluate/report.html"),
                ("all parameters", "workspace/params.yaml"),
            ],
            "Reports",
            (0.4, 0.6),
        )
    )


def _estimator(facts: ProjectFacts) -> str:
    first, *second = facts.pose_networks
    return ", then ".join([first, *(f"{name} in a crop of each person" for name in second)])


def _posed(facts: ProjectFacts) -> str:
    estimator = f"{_estimator(facts)} (checkpoint {facts.labeller.get('checkpoint')})"
    if facts.labeller.get("describes") is None:
        return f"Poses: the training keypoints were imported; videos are posed by {estimator}"
    return f"Poses: {estimator}"


def _limits(facts: ProjectFacts) -> Section:
    weak = [a for a in facts.activities if a.test and a.right / a.test < 0.8]
    said = [f"{a.name}: {a.right} of {a.test} test clips right, most often taken for {a.mistaken_for}." for a in weak]
    return Section("Limits").bullets([*facts.limitations, *said])
