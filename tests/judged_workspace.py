"""A workspace as it stands before evaluate: people who rest, wave or squat, their tracks, clips, windows and splits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from posemill import models
from posemill.features import FeaturePipeline, WindowSpec
from posemill.models import NetworkCard
from posemill.pose.definition import fingerprint
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.stages.workspace import Workspace
from posemill.store.shards import SHARD_ROWS
from posemill.store.tracks import write_shards
from small_networks import SMALL

CLASSES = ["rest", "squat", "wave"]
SPEC = WindowSpec(duration_s=1.0, stride_s=0.5, rate_hz=12.0)
FPS, STRETCH_S = 24.0, 2.5
SPLITS = ("train", "train", "validation", "test", "test")  # of people, in turn
PEOPLE = 15


def moving(activity: str, frames: int, seed: int) -> np.ndarray:
    """(T, 12, 2) pixels: a standing person whose arms or whose whole body go up and down once a second."""
    rng = np.random.default_rng(seed)
    xy = np.repeat((np.array([[300.0, 200.0]]) + rng.normal(0, 40, (12, 2)))[None], frames, 0)
    swing = 30 * np.sin(2 * np.pi * np.arange(frames) / FPS)[:, None]
    xy += rng.normal(0, 0.5, xy.shape)
    if activity == "wave":
        xy[:, 2:6, 0] += swing
    if activity == "squat":
        xy[:, :8, 1] += swing
    return xy.astype(np.float32)


def filmed(number: int) -> MediumTracks:
    """Person `number` does all activities, one after the other, STRETCH_S each."""
    frames = round(STRETCH_S * FPS)
    xy = np.concatenate([moving(activity, frames, number) for activity in CLASSES])
    t = len(xy)
    track = PoseTrack(
        BODY_12,
        0,
        np.arange(t, dtype=np.int32),
        np.arange(t) / FPS,
        xy,
        np.full((t, 12), 0.9, np.float32),
        np.zeros(t, np.uint8),
    )
    return MediumTracks(f"{number:064x}", "imported", BODY_12, 640, 480, t, t / FPS, (track,))


def judged_workspace(root: Path, people: int = PEOPLE, shard_rows: int = SHARD_ROWS) -> Workspace:
    """Folders ingest, label, validate and prepare in `root`/build."""
    inputs = Workspace(root)
    for name in ("ingest", "label", "validate", "prepare", "evaluate"):
        inputs.output(name).mkdir(parents=True)
    media = [filmed(n) for n in range(people)]
    entries = write_shards(inputs.output("label"), media, shard_rows)
    names = [m.medium for m in media]
    pd.DataFrame({"medium": names, "shard": [e.shard for e in entries]}).to_parquet(
        inputs.output("label") / "media.parquet"
    )
    pd.DataFrame({"medium": names, "kind": "keypoints"}).to_parquet(inputs.output("ingest") / "media.parquet")
    pd.DataFrame({"what": [], "medium": [], "person": []}).to_parquet(inputs.output("validate") / "rejected.parquet")
    clips = pd.DataFrame(
        [
            {
                "clip": 3 * n + i,
                "medium": m,
                "start_s": i * STRETCH_S,
                "end_s": (i + 1) * STRETCH_S,
                "activity": activity,
                "subject": f"p{n}",
                "camera": "hall" if n % 2 else "garden",
                "split": None,
                "dataset": "toy",
            }
            for n, m in enumerate(names)
            for i, activity in enumerate(CLASSES)
        ]
    )
    clips.to_parquet(inputs.output("ingest") / "clips.parquet")
    clips.to_parquet(inputs.output("validate") / "clips.parquet")
    _prepare(inputs.output("prepare"), media, clips)
    return inputs


def add_network(inputs: Workspace) -> None:
    """Write build/train, a small network of random weights, and how prepare split."""
    import torch

    torch.manual_seed(0)
    card = NetworkCard("tcn", SMALL["tcn"], "body-12", tuple(CLASSES), SPEC.frames, fingerprint(BODY_12))
    inputs.output("train").mkdir()
    models.save(inputs.output("train"), models.build("tcn", BODY_12, len(CLASSES), **SMALL["tcn"]).eval(), card)
    (inputs.output("prepare") / "result.json").write_text('{"split_by": "subject"}')


def _prepare(folder: Path, media: list[MediumTracks], clips: pd.DataFrame) -> None:
    plain = FeaturePipeline(BODY_12, SPEC)
    rows, windows = [], []
    for n, tracks in enumerate(media):
        for clip in clips[clips["medium"] == tracks.medium].to_dict("records"):
            cut, spans = plain.windows(tracks.tracks[0], clip["start_s"], clip["end_s"])
            same = {k: clip[k] for k in ("clip", "medium", "activity", "subject", "camera")}
            rows += [{**same, "person": 0, "start_s": s, "split": SPLITS[n % len(SPLITS)]} for s in spans[:, 0]]
            windows.append(cut)
    index, made = pd.DataFrame(rows), np.concatenate(windows)
    index.insert(0, "window", np.arange(len(index)))
    index.to_parquet(folder / "index.parquet")
    np.save(folder / "windows.npy", made)
    plain.fit(made[(index["split"] == "train").to_numpy()]).save(folder / "features.json")
    (folder / "classes.json").write_text(json.dumps(CLASSES))
