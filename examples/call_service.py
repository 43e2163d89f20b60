"""Ask a running service what people do: with tracks, which any service answers, or with a video.

    posemill serve &
    python examples/call_service.py http://127.0.0.1:3000 keypoints.json
    python examples/call_service.py http://127.0.0.1:3000 squat.mp4        # the analysis service

A service that wants an API key takes it from POSEMILL_KEY.
"""

import argparse
import os
from pathlib import Path

import posemill

VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Activities from a running service.")
    parser.add_argument("url")
    parser.add_argument("path", type=Path, help="a video, or tracks in a format that is recognized")
    args = parser.parse_args()

    client = posemill.Client(args.url, key=os.environ.get("POSEMILL_KEY"))
    if not client.ready():
        raise SystemExit(f"no service answers at {args.url}: start one with `posemill serve`")
    if args.path.suffix.lower() in VIDEOS:
        for person in client.analyse_video(args.path).people:
            show(person.person, person)
    else:
        for track in posemill.read_tracks(args.path).tracks:
            show(track.person, client.predict_track(track))


def show(number, answer) -> None:
    print(f"person {number}: {answer.verdict or 'no verdict'}")
    for segment in answer.segments:
        print(f"  {segment.start_s:6.1f} to {segment.end_s:6.1f} s  {segment.activity} {segment.probability:.2f}")


if __name__ == "__main__":
    main()
