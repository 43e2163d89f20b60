"""Find everybody in a video, draw them, and plot where one keypoint goes.

    python examples/label_video.py squat.mp4 --keypoint left_wrist

Writes <video>.overlay.mp4 and <video>.<keypoint>.png beside each other in --out.
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import posemill


def main() -> None:
    parser = argparse.ArgumentParser(description="Pose tracks of one video.")
    parser.add_argument("video", type=Path)
    parser.add_argument("--backend", default="posenet", help="any of `posemill backends`")
    parser.add_argument("--keypoint", default="nose")
    parser.add_argument("--out", type=Path, default=Path())
    args = parser.parse_args()

    tracks = posemill.PoseEstimator(args.backend).track(args.video)
    print(tracks.to_dataframe().groupby("person")["time_s"].agg(["count", "min", "max"]))

    args.out.mkdir(parents=True, exist_ok=True)
    print(tracks.draw(args.out / f"{args.video.stem}.overlay.mp4"))

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    for track in tracks.tracks:
        height = track.xy[:, tracks.skeleton.index(args.keypoint), 1]
        axes.plot(track.time_s, tracks.height_px - height, label=f"person {track.person}")
    axes.set_xlabel("time (s)")
    axes.set_ylabel(f"{args.keypoint} above the lower edge (px)")
    if tracks.tracks:
        axes.legend()
    plot = args.out / f"{args.video.stem}.{args.keypoint}.png"
    figure.savefig(plot)
    print(plot)


if __name__ == "__main__":
    main()
