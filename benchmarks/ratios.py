"""Body ratios of rendered people of known bones: coverage of the intervals, error of the values, abstentions.

    python benchmarks/ratios.py [../shared/apps/body] [--json] [--people 100]

One person a stream: four activities of five seconds before one camera, turned in a random direction for each, through
the application itself. Errors of keypoints: jitter, memory and the constant errors of every view as fitted to MoveNet
on rendered clips (`fitted`), and with small constant errors (`small_offset`). With a folder that has ansur_ratios.csv
also: how well ratios tell a person's height without a scale.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np

from estimated_people import SIZE, Errors, Scene, track, turning_scenes
from posemill.applications.protocol import Measurement, StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.ratios.app import BodyRatios
from posemill.applications.ratios.segments import RATIOS

ACTIVITIES = ("squat", "walk", "wave", "jumping_jack", "idle", "lunge", "arm_raise", "high_knees", "push_up")
NOISE = {
    "fitted": Errors(jitter=0.0055, depth=0.011, memory_s=0.1, offset=0.0095),
    "small_offset": Errors(jitter=0.0055, depth=0.011, memory_s=0.1, offset=0.003),
}


def truth(scenes: list[Scene]) -> dict[str, float]:
    """True ratios and lengths of the person in the scenes. Shoulders move with raised arms: their usual distance."""
    body = scenes[0].body
    points = {n: np.concatenate([s.rig.points[n] for s in scenes]) for n in scenes[0].rig.points}

    def usual(first: str, second: str) -> float:
        ends = []
        for name in (first, second):
            known = points.get(name)
            ends.append((points[f"left_{name}"] + points[f"right_{name}"]) / 2 if known is None else known)
        return float(np.median(np.linalg.norm(ends[0] - ends[1], axis=-1)))

    shoulders = usual("left_shoulder", "right_shoulder")
    trunk = usual("shoulder", "hip")
    return {
        "upper_arm_to_forearm": body.upper_arm / body.forearm,
        "thigh_to_shank": body.thigh / body.shank,
        "trunk_to_leg": trunk / (body.thigh + body.shank),
        "shoulder_to_hip_width": shoulders / (2 * body.hip),
        "upper_arm_length": body.upper_arm,
        "forearm_length": body.forearm,
        "thigh_length": body.thigh,
        "shank_length": body.shank,
        "trunk_length": trunk,
    } | {f"{name}_left_to_right": 1.0 for name in ("upper_arm", "forearm", "thigh", "shank")}


def measured(scenes: list[Scene], errors: Errors, seed: int, with_z: bool) -> list[Measurement]:
    """Run the application over the scenes, one after the other; its last measurements."""
    app = BodyRatios(height_m=scenes[0].body.height, report_every_s=1e6)
    frame = 0
    for number, seen in enumerate(scenes):
        person = track(seen, errors, 100 * seed + number, with_z=with_z)
        if not number:
            app.start(StreamFacts(person.skeleton, *SIZE))
        for row in range(len(person)):
            z = None if person.z is None else person.z[row]
            pose = TrackedPose(person.xy[row], person.confidence[row], z)
            app.update(TrackedFrame(frame, float(person.time_s[row]), {0: pose}))
            frame += 1
    return [output for output in app.finish() if isinstance(output, Measurement)]


def rendered(people: int, first_seed: int) -> dict[str, float]:
    """Coverage, errors and abstentions by kind of keypoints and noise."""
    figures: dict[str, float] = {}
    for kind, with_z in (("3d", True), ("2d", False)):
        for label, errors in NOISE.items():
            rows: dict[str, list[tuple[float, bool, float]]] = {}
            asked: dict[str, int] = {}
            for seed in range(first_seed, first_seed + people):
                rng = np.random.default_rng(seed)
                scenes = turning_scenes(tuple(map(str, rng.choice(ACTIVITIES, 4))), seed)
                true = truth(scenes)
                for found in measured(scenes, errors, seed, with_z):
                    group = _group(found.name)
                    if found.name not in true:
                        continue
                    asked[group] = asked.get(group, 0) + 1
                    if found.value is not None and found.low is not None and found.high is not None:
                        right = true[found.name]
                        inside = found.low <= right <= found.high
                        half = (found.high - found.low) / 2 / found.value
                        rows.setdefault(group, []).append((found.value / right - 1, inside, half))
            for group, values in rows.items():
                off, inside, half = np.array(values).T
                key = f"{kind}_{label}_{group}"
                figures[f"{key}_coverage_95"] = round(float(inside.mean()), 3)
                figures[f"{key}_median_error_percent"] = round(100 * float(np.median(np.abs(off))), 2)
                figures[f"{key}_half_width_percent"] = round(100 * float(np.median(half)), 1)
                figures[f"{key}_answered"] = round(len(values) / asked[group], 3)
            every = [value for name in RATIOS for value in rows.get(name, [])]
            off, inside, _ = np.array(every).T
            figures[f"{kind}_{label}_ratios_coverage_95"] = round(float(inside.mean()), 3)
            figures[f"{kind}_{label}_ratios_median_error_percent"] = round(100 * float(np.median(np.abs(off))), 2)
            figures[f"{kind}_{label}_ratios_answered"] = round(len(every) / people / len(RATIOS), 3)
    return figures


def _group(name: str) -> str:
    return "asymmetry" if name.endswith("_left_to_right") else "lengths" if name.endswith("_length") else name


def height_from_ratios(table: Path) -> dict[str, float]:
    """Mean error of standing height from ratios (linear regression, half the people held out), and from the mean."""
    with table.open() as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if name not in ("sex", "stature_mm", "interpupillary_mm")]
    values = np.array([[float(row[name]) for name in columns] for row in rows])
    of_height = np.array([float(row["stature_mm"]) / 10 for row in rows])
    names = ("upper_arm", "forearm", "thigh", "shank", "torso", "shoulder_breadth", "hip_breadth")
    at = {name: next(i for i, column in enumerate(columns) if column.startswith(name)) for name in names}
    pairs = (
        ("upper_arm", "forearm"),
        ("thigh", "shank"),
        ("torso", "thigh"),
        ("shoulder_breadth", "hip_breadth"),
        ("upper_arm", "thigh"),
        ("shoulder_breadth", "torso"),
    )
    ratios = np.stack([values[:, at[a]] / values[:, at[b]] for a, b in pairs], -1)
    design = np.column_stack([np.ones(len(ratios)), ratios])
    fitted, held = np.arange(len(rows)) % 2 == 0, np.arange(len(rows)) % 2 == 1
    weights, *_ = np.linalg.lstsq(design[fitted], of_height[fitted], rcond=None)
    male = np.array([row["sex"] == "male" for row in rows])
    by_sex = np.where(male[held], of_height[fitted & male].mean(), of_height[fitted & ~male].mean())
    by_ratios = design[held] @ weights
    return {
        "height_from_six_ratios_mean_error_cm": round(float(np.abs(by_ratios - of_height[held]).mean()), 2),
        "height_from_mean_by_sex_mean_error_cm": round(float(np.abs(by_sex - of_height[held]).mean()), 2),
    }


def draw(path: Path, people: int, first_seed: int) -> None:
    """Draw the intervals of every ratio beside the truth, from 2-D keypoints."""
    from posemill.report import plots

    figure, axes = plots.axes(9.0, 3.2, 1, len(RATIOS))
    for seed in range(first_seed, first_seed + people):
        rng = np.random.default_rng(seed)
        scenes = turning_scenes(tuple(map(str, rng.choice(ACTIVITIES, 4))), seed)
        true = truth(scenes)
        by_name = {found.name: found for found in measured(scenes, NOISE["fitted"], seed, False)}
        for ax, name in zip(axes, RATIOS, strict=True):
            found = by_name[name]
            if found.value is not None and found.low is not None and found.high is not None:
                inside = found.low <= true[name] <= found.high
                color = plots.ACCENT if inside else plots.BAD
                ax.plot([true[name]] * 2, [found.low, found.high], color=color, linewidth=1.2)
                ax.plot(true[name], found.value, "o", color=color, markersize=3)
    for ax, name in zip(axes, RATIOS, strict=True):
        low, high = ax.get_ylim()
        ax.plot([low, high], [low, high], color=plots.LINE, zorder=0)
        ax.set_title(name.replace("_", " "))
        ax.set_xlabel("true ratio")
    axes[0].set_ylabel("measured, 95 % interval")
    figure.savefig(path, dpi=90)


def main() -> None:
    """Print the figures as a table, and with --json as one object on the last line."""
    parser = argparse.ArgumentParser()
    default = Path(__file__).resolve().parents[2] / "shared" / "apps" / "body"
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--picture", type=Path, help="write the picture of the how-to page instead")
    given = parser.parse_args()
    if given.picture:
        draw(given.picture, given.people, given.first_seed)
        return
    figures = rendered(given.people, given.first_seed)
    if (given.folder / "ansur_ratios.csv").is_file():
        figures |= height_from_ratios(given.folder / "ansur_ratios.csv")
    for name, value in figures.items():
        print(f"{name:60} {value:g}")
    if given.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
