"""Form coach: wrong corrections and answered moments on rendered people, accuracy on real plank frames.

    python benchmarks/coach.py [FOLDER] [--takes 1] [--noise-m 0.02] [--network movenet]
        [--skip rendered|real] [--json]

FOLDER (default ../shared/apps/plank) holds plank.csv and, if there, plank_mediapipe.csv and lunge_err.csv. Rendered
people are seen from 36 azimuths and three camera heights; the exact angles in space are the truth. With --network
pictures of rendered people go through a pose network first, frame by frame. On the real frames the limits are those
that come with posemill; where the folder has the sessions that they were fitted on, the figure to go by is the
cross-validated one, whose limits are fitted on other sessions. With --json the last line is one flat JSON object of
figures by name.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from coach_network import through_network
from coach_real import CORRECT, Planks, classified, cross_validated, fitted_limits, mediapipe, planks
from coach_rendered import Clip, Moments, Verdicts, clips
from posemill.applications.coach.rules import rules_of

DEFAULT = Path(__file__).parents[1] / "../shared/apps/plank"
Figures = dict[str, float]


def wilson(wrong: int, total: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson)."""
    if not total:
        return 0.0, 1.0
    z, p = 1.96, wrong / total
    middle, half = p + z * z / (2 * total), z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return (middle - half) / (1 + z * z / total), (middle + half) / (1 + z * z / total)


def bootstrap(groups: Sequence[tuple[float, float]], draws: int = 1000) -> tuple[float, float]:
    """95 % interval of sum(first) / sum(second) over groups (clips, sessions) drawn again."""
    pairs, rng = np.array(groups, float), np.random.default_rng(0)
    drawn = pairs[rng.integers(len(pairs), size=(draws, len(pairs)))].sum(1)
    shares = drawn[:, 0] / np.maximum(drawn[:, 1], 1e-9)
    low, high = np.percentile(shares, [2.5, 97.5])
    return float(low), float(high)


def rendered(takes: int, noise_m: float) -> Figures:
    """Print the tables of rendered people and return the figures."""
    found = list(clips(takes, noise_m))
    print(f"Rendered people: {len(found)} clips of 6 s, keypoint noise {100 * noise_m:.1f} cm")
    figures = _corrections(found)
    print(
        f"\n{'rule':28s} {'due':>6s} {'faulty':>7s} {'answered':>9s} {'fault said':>11s} {'wrong':>6s} {'missed':>7s}"
    )
    for exercise in dict.fromkeys(c.exercise for c in found):
        for name in _rule_names(found, exercise):
            _print_rule(exercise, name, [c for c in found if c.exercise == exercise])
    print("\nmoments answered by azimuth (degrees off front or back)")
    for exercise in dict.fromkeys(c.exercise for c in found):
        figures |= _by_azimuth(exercise, [c for c in found if c.exercise == exercise])
    return figures


def network(backend: str, takes: int) -> Figures:
    """Print and return the figures of rendered pictures through a pose network."""
    found = through_network(backend, takes)
    print(f"\nRendered pictures through {backend}, single frames")
    for name, v in found.items():
        print(
            f"{name:28s} due {v.due}, answered {v.fault + v.correct}, fault said {v.fault}, wrong {v.fault_wrong}; "
            f"correct said {v.correct}, wrong {v.correct_wrong}"
        )
    due, fault, wrong = (sum(getattr(v, key) for v in found.values()) for key in ("due", "fault", "fault_wrong"))
    answered = sum(v.fault + v.correct for v in found.values())
    low, high = wilson(wrong, fault)
    print(f"all: answered {answered / due:.3f}, faults said {fault}, wrong {wrong} ({low:.3f} to {high:.3f})")
    return {
        "network_rule_frames_answered_share": answered / due,
        "network_faults_said": fault,
        "network_faults_wrong_share": wrong / max(fault, 1),
        "network_faults_wrong_high95": high,
    }


def _corrections(found: Sequence[Clip]) -> Figures:
    given = [right for clip in found for _, right in clip.corrections]
    wrong, moments = given.count(False), Moments()
    for clip in found:
        moments.add(clip.moments)
    low, high = wilson(wrong, len(given))
    due = bootstrap([(c.moments.answered, c.moments.due) for c in found])
    held = bootstrap([(c.moments.held, c.moments.frames) for c in found])
    answered, kept = moments.answered / moments.due, moments.held / moments.frames
    print(f"corrections given {len(given)}, wrong {wrong} = {wrong / max(len(given), 1):.3f} ({low:.3f} to {high:.3f})")
    faulty = [clip for clip in found if clip.fault]
    seen = sum(bool(clip.corrections) for clip in faulty)
    print(
        f"clips with a fault that were corrected {seen} of {len(faulty)} = {seen / len(faulty):.3f}, from all azimuths"
    )
    print(f"moments (frames with a rule due) answered {answered:.3f} ({due[0]:.3f} to {due[1]:.3f})")
    print(f"time with an answer of the last 3 s {kept:.3f} ({held[0]:.3f} to {held[1]:.3f})")
    return {
        "corrections": len(given),
        "corrections_wrong_share": wrong / max(len(given), 1),
        "corrections_wrong_high95": high,
        "faulty_clips_corrected_share": seen / len(faulty),
        "moments_answered_share": answered,
        "moments_answered_low95": due[0],
        "time_answered_share": kept,
    }


def _rule_names(found: Sequence[Clip], exercise: str) -> list[str]:
    return list(next(c for c in found if c.exercise == exercise).rules)


def _print_rule(exercise: str, name: str, found: Sequence[Clip]) -> None:
    total = Verdicts()
    for clip in found:
        for key, value in vars(clip.rules[name]).items():
            setattr(total, key, getattr(total, key) + value)
    given = [right for clip in found for rule, right in clip.corrections if rule == name]
    said = f"corrections {len(given)}, wrong {given.count(False)}"
    if not total.due:
        print(f"{exercise + ' ' + name:28s} {'once a repetition':>42s}   {said}")
        return
    answered = (total.fault + total.correct) / total.due
    missed = total.correct_wrong / max(total.correct, 1)
    wrong = total.fault_wrong / max(total.fault, 1)
    print(
        f"{exercise + ' ' + name:28s} {total.due:6d} {total.faulty / total.due:7.2f} {answered:9.2f} "
        f"{total.fault:11d} {wrong:6.3f} {missed:7.3f}   {said}"
    )


def _by_azimuth(exercise: str, found: Sequence[Clip]) -> Figures:
    bins: dict[int, Moments] = defaultdict(Moments)
    for clip in found:
        off = min(clip.azimuth_deg % 180, 180 - clip.azimuth_deg % 180)
        bins[off // 10 * 10].add(clip.moments)
    row = {off: m.answered / max(m.due, 1) for off, m in sorted(bins.items())}
    print(f"{exercise:8s} " + "  ".join(f"{off}-{off + 10}: {share:.2f}" for off, share in row.items()))
    total = sum(m.answered for m in bins.values()) / max(sum(m.due for m in bins.values()), 1)
    given = [right for clip in found for _, right in clip.corrections]
    return {
        f"{exercise}_moments_answered_share": total,
        f"{exercise}_corrections": len(given),
        f"{exercise}_corrections_wrong_share": given.count(False) / max(len(given), 1),
    }


def real_planks(path: Path) -> Figures:
    """Print and return accuracy on real plank frames."""
    found = planks(path)
    low, high = (rules_of("plank").rules[i].limit for i in (1, 0))
    right = classified(found.angle, low, high) == found.label
    figures: Figures = {"plank_frames": len(right), "plank_sessions": len(np.unique(found.session))}
    interval = _by_session(found, right, np.ones(len(right), bool))
    print(f"\nReal plank frames: {len(right)} of {int(figures['plank_sessions'])} sessions, all answered")
    print(f"limits of posemill ({low}, {high}): accuracy {right.mean():.3f} ({interval[0]:.3f} to {interval[1]:.3f})")
    figures |= {"plank_accuracy": float(right.mean()), "plank_accuracy_low95": interval[0]}
    if figures["plank_sessions"] >= 10:
        values = cross_validated(found)
        print(
            f"limits fitted on other sessions: {np.mean(values):.3f} (repeats {min(values):.3f} to {max(values):.3f})"
        )
        print(f"limits fitted on all sessions here: {fitted_limits(found.angle, found.label, found.session)}")
        figures["plank_accuracy_cross_validated"] = float(np.mean(values))
    return figures | _selective(found)


def _selective(found: Planks) -> Figures:
    answered = found.answer >= 0
    right = found.answer == found.label
    correcting = answered & (found.answer != CORRECT)
    interval = _by_session(found, right, answered)
    wrong = _by_session(found, ~right, correcting)
    print(
        f"with abstention: answered {answered.mean():.3f}, accuracy of answers {right[answered].mean():.3f} "
        f"({interval[0]:.3f} to {interval[1]:.3f}); corrections {correcting.sum()}, "
        f"wrong {(~right[correcting]).mean():.3f} ({wrong[0]:.3f} to {wrong[1]:.3f})"
    )
    return {
        "plank_answered_share": float(answered.mean()),
        "plank_answered_accuracy": float(right[answered].mean()),
        "plank_corrections_wrong_share": float((~right[correcting]).mean()),
    }


def _by_session(found: Planks, right: np.ndarray, among: np.ndarray) -> tuple[float, float]:
    """95 % interval of the share of `right` among some frames, sessions drawn again."""
    return bootstrap(
        [
            (float((right & among)[found.session == s].sum()), float(among[found.session == s].sum()))
            for s in np.unique(found.session)
        ]
    )


def other_network(path: Path, exercise: str) -> Figures:
    """Print and return accuracy of the rules on MediaPipe's landmarks."""
    table = mediapipe(path, exercise)
    right, answered = table["likeliest"] == table["label"], table["answer"] != ""
    sure = (table["answer"] == table["label"])[answered]
    print(
        f"MediaPipe {exercise} ({len(table)} frames, rules only): all answered {right.mean():.3f}; with abstention "
        f"answered {answered.mean():.3f}, accuracy {sure.mean():.3f}"
    )
    return {
        f"mediapipe_{exercise}_accuracy": float(right.mean()),
        f"mediapipe_{exercise}_answered_share": float(answered.mean()),
        f"mediapipe_{exercise}_answered_accuracy": float(sure.mean()),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--takes", type=int, default=1, help="clips of every exercise and view")
    parser.add_argument("--noise-m", type=float, default=0.02, help="keypoint noise in metres at the person")
    parser.add_argument("--network", help="pose backend that finds people in rendered pictures, such as movenet")
    parser.add_argument("--skip", choices=("rendered", "real"))
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures: Figures = {}
    if arguments.skip != "rendered":
        figures |= rendered(arguments.takes, arguments.noise_m)
    if arguments.network:
        figures |= network(arguments.network, arguments.takes)
    if arguments.skip != "real" and (arguments.folder / "plank.csv").is_file():
        figures |= real_planks(arguments.folder / "plank.csv")
    for name, exercise in (("plank_mediapipe.csv", "plank"), ("lunge_err.csv", "lunge")):
        if arguments.skip != "real" and (arguments.folder / name).is_file():
            figures |= other_network(arguments.folder / name, exercise)
    if arguments.json:
        print(json.dumps({name: round(float(value), 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
