"""Accuracy gates of lower precision: calibrated on the train split, judged on held-out clips of the test split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.edge.model import open_classifier
from posemill.edge.pose import PoseDescription, PoseEstimate, open_pose_network
from posemill.errors import InputError
from posemill.packaging.precision import PrecisionGate, as_batches, lower
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.estimation.tracking.settings import TrackingSettings
    from posemill.estimation.types import Pose
    from posemill.prediction.classifier import WindowClassifier
    from posemill.stages.held_out_clips import HeldOutClip
    from posemill.store.media import MediaStore
    from posemill.video.decode import Frame

CALIBRATION_WINDOWS, CALIBRATION_PICTURES = 300, 120
POSE_CLIPS = 200  # held-out clips that a pose network is judged on, at most
ACTIVITY_FILE = "activity-{}.xml"


def lower_activity(folder: Path, precision: str, inputs: Workspace) -> PrecisionGate:
    """Write the activity network of a package in another precision into its folder, and judge it.

    Returns the gate, passed or not; the file is activity-<precision>.xml.
    """
    import pandas as pd

    index = pd.read_parquet(inputs.output("prepare") / "index.parquet")
    windows = np.load(inputs.output("prepare") / "windows.npy", mmap_mode="r")
    full, name = open_classifier(folder), ACTIVITY_FILE.format(precision)
    train = np.flatnonzero(index["split"] == "train")
    some = train[:: max(1, len(train) // CALIBRATION_WINDOWS)]
    prepared = full.features.transform(np.array(windows[some], np.float32))
    lower(folder / "activity.onnx", folder / name, precision, as_batches(prepared))
    test = index[index["split"] == "test"]
    held_out = np.array(windows[test.index.to_numpy()], np.float32)
    answers = [_clip_verdicts(each, held_out, test) for each in (full, open_classifier(folder, file=name))]
    truth = test.drop_duplicates("clip").set_index("clip")["activity"].to_dict()
    return _gate("activity", precision, truth, *answers)


def lower_posenet(
    folder: Path, described: PoseDescription, precision: str, model: WindowClassifier, tracking: TrackingSettings
) -> tuple[PoseDescription, PrecisionGate]:
    """Write PoseNet of an export in another precision beside it, and judge it end to end on held-out videos.

    Returns the description with the new file, and the gate, passed or not.
    """
    from posemill.settings import Settings
    from posemill.stages.held_out_clips import choose, held_out_clips
    from posemill.store.media import MediaStore

    if described.posenet is None:
        raise InputError(
            "only PoseNet is offered in lower precision: MoveNet is spoiled by it (keypoints move by 13 %)"
        )
    settings = Settings.from_env()
    inputs, store = Workspace(settings.workspace), MediaStore(settings.store_url)
    source = folder / described.posenet
    target = source.with_name(f"{source.stem}-{precision}.xml")
    lower(source, target, precision, _pictures(inputs, store, described), spare_ends=True)
    lowered = replace(described, posenet=str(target.relative_to(folder)))
    estimates = [open_pose_network(folder, each, 1) for each in (described, lowered)]
    clips = choose([clip for clip in held_out_clips(inputs) if clip.kind == "video"], POSE_CLIPS)
    verdicts: list[dict[int, str | None]] = [{}, {}]
    oks, counts = list[float](), np.zeros(2)
    for clip in clips:
        posed = [_posed(store.fetch(clip.medium), estimate) for estimate in estimates]
        for verdict, frames in zip(verdicts, posed, strict=True):
            verdict[clip.clip] = _verdict(model, clip, frames, tracking)
        counts += [sum(len(people) for _, people in frames) for frames in posed]
        oks += _similarities(*posed)
    gate = _gate("pose", precision, {clip.clip: clip.activity for clip in clips}, *verdicts)
    people = float(counts[1] / max(counts[0], 1))
    return lowered, replace(gate, oks=round(float(np.median(oks)) if oks else 0.0, 4), people=round(people, 4))


def _gate(
    network: str, precision: str, truth: dict[int, str], full: dict[int, str | None], lowered: dict[int, str | None]
) -> PrecisionGate:
    def right(answers: dict[int, str | None]) -> float:
        return round(float(np.mean([answers.get(clip) == activity for clip, activity in truth.items()])), 4)

    same = round(float(np.mean([full.get(clip) == lowered.get(clip) for clip in truth])), 4)
    return PrecisionGate(network, precision, len(truth), right(full), right(lowered), same)


def _clip_verdicts(model: WindowClassifier, windows: NDArray[np.float32], index: Any) -> dict[int, str | None]:
    from posemill.features.verdict import grouped_probabilities

    clips, probabilities = grouped_probabilities(model.probabilities(windows), index["clip"].to_numpy(np.int64))
    best = probabilities.argmax(1).tolist()
    return {int(clip): model.classes[i] for clip, i in zip(clips, best, strict=True)}


def _pictures(inputs: Workspace, store: MediaStore, described: PoseDescription) -> list[NDArray[np.uint8]]:
    """Network inputs of one shape, the commonest, from videos of the train split."""
    import pandas as pd

    from posemill.estimation.preprocess import network_input, place

    index = pd.read_parquet(inputs.output("prepare") / "index.parquet")
    media = index[index["split"] == "train"]["medium"].drop_duplicates().tolist()
    chosen = media[:: max(1, len(media) // CALIBRATION_PICTURES)]
    by_shape: dict[tuple[int, ...], list[NDArray[np.uint8]]] = {}
    for medium in chosen:
        image = _middle_frame(store.fetch(medium))
        height, width = image.shape[:2]
        picture = network_input(image, place(height, width, described.long_edge_px))[None]
        by_shape.setdefault(picture.shape, []).append(picture)
    return max(by_shape.values(), key=len, default=[])


def _middle_frame(path: Path) -> NDArray[np.uint8]:
    from posemill.video.sandboxed import probe_sandboxed, read_frame_sandboxed

    return read_frame_sandboxed(path, probe_sandboxed(path).duration_s / 2).image


def _posed(path: Path, estimate: PoseEstimate) -> list[tuple[Frame, list[Pose]]]:
    """Every frame, without its picture, with its poses."""
    from posemill.video.sandboxed import read_frames_sandboxed

    return [(replace(frame, image=frame.image[:0]), estimate(frame.image)) for frame in read_frames_sandboxed(path)]


def _verdict(
    model: WindowClassifier,
    clip: HeldOutClip,
    frames: Sequence[tuple[Frame, list[Pose]]],
    tracking: TrackingSettings,
) -> str | None:
    from posemill.estimation.tracking import Tracker
    from posemill.packaging.golden import main_subject_of
    from posemill.pose.skeleton import COCO_17
    from posemill.pose.track import MediumTracks
    from posemill.prediction.golden import answer

    tracker = Tracker(COCO_17, tracking)
    for frame, people in frames:
        tracker.update(frame.index, frame.time_s, people)
    width_px = frames[0][0].image.shape[1] if frames else 0
    duration_s = frames[-1][0].time_s if frames else 0.0
    tracks = MediumTracks(clip.medium, "edge", COCO_17, width_px, width_px, len(frames), duration_s, tracker.tracks())
    asked = main_subject_of(model, tracks, "clip", clip.start_s, clip.end_s, None)
    said = answer(model, asked).verdict if asked is not None else None
    return None if said is None else str(said["activity"])


def _similarities(
    full: Iterable[tuple[Frame, list[Pose]]], lowered: Iterable[tuple[Frame, list[Pose]]]
) -> Iterator[float]:
    """OKS of every person of full precision with the likest of the other, frame by frame."""
    from posemill.estimation.backends.movenet.around import similar

    for (_, people), (_, others) in zip(full, lowered, strict=True):
        for person in people:
            yield max((similar(other.xy, person.xy) for other in others), default=0.0)
