"""Motion capture against exact truth and against OpenSim.

    python benchmarks/mocap.py [../shared/apps/mocap] [--json] [--people 12]

1. Rendered squats and walks, keypoints with z and an estimator's errors: angle errors (mean of absolute differences),
   slip of contacts, coverage of the 95 % intervals. Rendered feet slide, so that the same is measured with feet that
   stand still. 2-D: side views of the same.
2. Markers to joint angles against OpenSim's own results in the folder: with the model, and between markers without one.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from estimated_people import NONE, SIZE, Errors, Scene, planted, scene, track
from posemill.applications.mocap import isb
from posemill.applications.mocap.bones import CM, bvh_motion
from posemill.applications.mocap.capture import capture
from posemill.applications.mocap.contacts import runs
from posemill.applications.mocap.files.bvh import END
from posemill.applications.mocap.files.mot import TRANSLATIONS, read_mot
from posemill.applications.mocap.files.trc import read_trc
from posemill.applications.mocap.markers import marker_angles
from posemill.applications.mocap.opensim.inverse_kinematics import read_weights, solve
from posemill.applications.mocap.opensim.model import read_model
from posemill.applications.mocap.params import MocapParams
from posemill.applications.mocap.points import INDEX, POINTS, SIDES, Floats

# jitter and memory as fitted to MoveNet on rendered clips (jitter 0.4 to 0.65 % of a body); z is less certain
FITTED = Errors(jitter=0.0055, depth=0.011, memory_s=0.1, offset=0.003)
ROUGH = Errors(jitter=0.010, depth=0.015, memory_s=0.08, offset=0.003)
JOINTS = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion", "elbow_flexion", "shoulder_flexion")
# truth: a point this slow and this near to its lowest place stands
CONTACT_M, STILL_M_S = 0.02, 0.05


def true_points(seen: Scene) -> Floats:
    """Body points (T, 18, 3) of a scene, metres."""
    return np.stack([seen.rig.points[name] for name in POINTS], 1)


@dataclass(frozen=True)
class Result:
    """Figures of one person: mean absolute error by joint (degrees), share of errors within the 95 % interval, slip of
    every contact in the markers and of toes in the BVH file (metres), share of true contact frames that were found."""

    errors_deg: dict[str, float]
    coverage: float
    slips_m: list[float]
    bvh_slips_m: list[float]
    contacts_found: float


def measure(seen: Scene, errors: Errors, seed: int, with_z: bool) -> Result:
    """Capture one person and compare with the truth."""
    found = capture(track(seen, errors, seed, with_z=with_z), *SIZE, MocapParams(height_m=seen.body.height))
    truth = isb.spatial_angles(true_points(seen))
    rows = np.round(found.time_s * 30).astype(int)
    kept = rows < len(seen.time_s)
    rows = rows[kept]
    off = {j: [found.angles[f"{j}_{s}"][kept] - truth[f"{j}_{s}"][rows] for s in SIDES] for j in JOINTS}
    inside = [
        np.abs(values) < 1.96 * found.angle_sd_deg[f"{joint}_{side}"][kept]
        for joint, both in off.items()
        for side, values in zip(SIDES, both, strict=True)
    ]
    motion = bvh_motion(found)
    places = motion.positions() / CM
    slips, in_bvh, hits = [], [], []
    for name, mask in found.contacts.items():
        true = seen.rig.points[name]
        still = np.linalg.norm(np.gradient(true, seen.time_s, axis=0), axis=-1) < STILL_M_S
        rests = (still & (true[:, 1] < true[:, 1].min() + CONTACT_M))[rows]
        hits += [] if not rests.any() else [float(mask[kept][rests].mean())]
        toe = places[:, motion.hierarchy.names.index(f"{name.split('_')[0].capitalize()}Foot{END}")]
        for first, end in runs(mask):
            slips.append(_slip(found.points[first:end, INDEX[name]]))
            in_bvh += [_slip(toe[first:end])] if name.endswith("toe") else []
    mean = {j: float(np.nanmean(np.abs(v))) for j, v in off.items()}
    return Result(mean, float(np.mean(inside)), slips, in_bvh, float(np.mean(hits)) if hits else float("nan"))


def _slip(place: Floats) -> float:
    """Farthest that a point (T, 3) goes from where it first stood."""
    return float(np.nanmax(np.linalg.norm(place - place[0], axis=-1)))


def rendered(people: int, first_seed: int) -> dict[str, float]:
    """Angle errors, slip and coverage over rendered people."""
    figures: dict[str, float] = {}
    for activity in ("squat", "walk"):
        for label, errors, still, with_z in (
            ("exact", NONE, True, True),
            ("fitted", FITTED, False, True),
            ("fitted_still_feet", FITTED, True, True),
            ("rough_still_feet", ROUGH, True, True),
            ("fitted_2d_side", FITTED, True, False),
        ):
            every: dict[str, list[float]] = {joint: [] for joint in JOINTS}
            results: list[Result] = []
            for seed in range(people):
                azimuth = (90.0 if seed % 2 else -90.0) + (seed % 5 - 2) * 5 if not with_z else None
                seen = scene(activity, first_seed + seed, azimuth_deg=azimuth)
                results.append(measure(planted(seen) if still else seen, errors, seed, with_z))
                for joint, value in results[-1].errors_deg.items():
                    every[joint].append(value)
            key = f"{activity}_{label}"
            figures |= {f"{key}_{joint}_deg": round(float(np.mean(values)), 2) for joint, values in every.items()}
            if errors is not NONE:
                figures[f"{key}_coverage_95"] = round(float(np.mean([r.coverage for r in results])), 3)
            if with_z:
                slips = [slip for r in results for slip in r.slips_m]
                in_bvh = [slip for r in results for slip in r.bvh_slips_m]
                figures[f"{key}_contacts"] = len(slips)
                figures[f"{key}_slip_max_m"] = round(max(slips, default=0.0), 4)
                figures[f"{key}_slip_bvh_toe_median_m"] = round(float(np.median(in_bvh)), 4)
                figures[f"{key}_slip_bvh_toe_under_1cm"] = round(float(np.mean(np.array(in_bvh) < 0.01)), 3)
                figures[f"{key}_slip_bvh_toe_max_m"] = round(max(in_bvh, default=0.0), 4)
                figures[f"{key}_contact_frames_found"] = round(
                    float(np.nanmean([r.contacts_found for r in results])), 3
                )
    return figures


def against_opensim(folder: Path) -> dict[str, float]:
    """Differences from OpenSim's results, degrees: mean, and mean of absolute values, over time and angles."""
    figures: dict[str, float] = {}
    theirs = read_mot(folder / "subject01_walk_IK.mot")
    fit = solve(
        read_model(folder / "subject01.osim"),
        read_trc(folder / "subject01_walk.trc"),
        read_weights(folder / "walk_Setup_IK.xml"),
    )
    turning = [name for name in theirs.names if not name.endswith(TRANSLATIONS)]
    off = np.stack([fit.coordinates.of(name) - theirs.of(name) for name in turning], -1)
    figures["opensim_walk_mean_difference_deg"] = round(float(np.abs(off.mean(0)).max()), 4)
    figures["opensim_walk_mean_absolute_difference_deg"] = round(float(np.abs(off).mean()), 4)
    figures["opensim_walk_largest_difference_deg"] = round(float(np.abs(off).max()), 4)
    elbow = marker_angles(read_trc(folder / "arm26_elbow_flex.trc"))["elbow_flexion_right"]
    off = elbow - read_mot(folder / "arm26_InverseKinematics.mot").of("r_elbow_flex")
    figures["opensim_elbow_without_model_mean_difference_deg"] = round(float(abs(off.mean())), 3)
    figures["opensim_elbow_without_model_mean_absolute_difference_deg"] = round(float(np.abs(off).mean()), 3)
    return figures


def draw(path: Path) -> None:
    """Draw knee and hip flexion of a rendered squat: truth, what was found, its 95 % interval, standing feet."""
    from posemill.report import plots

    seen = planted(scene("squat", 1003))
    found = capture(track(seen, FITTED, 3, with_z=True), *SIZE, MocapParams(height_m=seen.body.height))
    truth = isb.spatial_angles(true_points(seen))
    figure, axes = plots.axes(9.0, 3.0, 1, 2)
    for ax, joint in zip(axes, ("knee_flexion", "hip_flexion"), strict=True):
        for side, color in (("left", plots.LEFT), ("right", plots.RIGHT)):
            values, half = found.angles[f"{joint}_{side}"], 1.96 * found.angle_sd_deg[f"{joint}_{side}"]
            ax.plot(seen.time_s, truth[f"{joint}_{side}"], color=color, linewidth=1, linestyle=":")
            ax.plot(found.time_s, values, color=color, linewidth=1.4, label=side)
            ax.fill_between(found.time_s, values - half, values + half, color=color, alpha=0.18, linewidth=0)
        ax.set_title(f"{joint.replace('_', ' ')}: line, 95 % band, exact dotted")
        ax.set_xlabel("seconds")
        ax.set_ylabel("degrees")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=90)


def main() -> None:
    """Print the figures as a table, and with --json as one object on the last line."""
    parser = argparse.ArgumentParser()
    default = Path(__file__).resolve().parents[2] / "shared" / "apps" / "mocap"
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--first-seed", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--picture", type=Path, help="write the picture of the how-to page instead")
    given = parser.parse_args()
    if given.picture:
        draw(given.picture)
        return
    figures = rendered(given.people, given.first_seed)
    if (given.folder / "opensim").is_dir():
        figures |= against_opensim(given.folder / "opensim")
    else:
        print(f"no {given.folder / 'opensim'}: OpenSim's results are left out", file=sys.stderr)
    for name, value in figures.items():
        print(f"{name:60} {value:g}")
    if given.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
