"""prepare: windows and splits from clips and tracks; the feature pipeline is fitted on the train split."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from posemill.errors import InputError, QualityError
from posemill.features.pipeline import FeaturePipeline
from posemill.features.split_leaks import SplitClip, leaks
from posemill.features.splits import ClipMeta, group_subjects, split_by_protocol, split_subjects
from posemill.features.window_scales import fitted_scales
from posemill.params.prepare import AUTO, PrepareParams
from posemill.pose.conversion import shared
from posemill.pose.near_duplicates import PerformanceStore
from posemill.pose.pairs import paired
from posemill.pose.skeleton import Skeleton, skeleton
from posemill.pose.window import WindowSpec
from posemill.stages.content_order import sorted_clips
from posemill.stages.cut_cache import CutCache
from posemill.stages.cut_windows import cut_cache, cut_windows
from posemill.stages.rejected import rejected_tracks
from posemill.stages.result import StageResult
from posemill.stages.unknown_windows import UNKNOWN_INDEX, UNKNOWN_WINDOWS
from posemill.stages.workers import workers_of
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

UNLABELLED, NOT_WANTED = "the clip has no activity", "the activity is not in prepare.activities"
KEPT_OUT = "the activity is in prepare.unknown"
FIT_WINDOWS = 20_000  # enough for a mean pose
PAIRS = 0.9  # of the clips: then the data are of what two people do together
SPLITS = ("train", "validation", "test")


class PrepareResult(StageResult):
    """Windows in each split, and why clips gave none (number a reason; clip by clip in dropped.parquet)."""

    stage: str = "prepare"
    windows: int
    train: int
    validation: int
    test: int
    clips: int
    clips_dropped: int
    activities: int
    classes: list[str]
    dropped: dict[str, int]
    split_by: str = "subject"
    shared_subjects: int = 0
    findings: list[str] = Field(default_factory=list)


def run(params: PrepareParams, inputs: Workspace, outputs: Path) -> PrepareResult:
    """Write windows.npy, index.parquet, features.json, classes.json, dropped.parquet and docs/ (suite `windows`).

    Clips of prepare.unknown go to unknown.npy and unknown.parquet.
    Errors: InputError when no clip gives a window, or none of an activity or split; QualityError when the suite says
    so, or the same medium or the same keypoints are on both sides of a split.
    """
    from posemill.quality.suite_runner import check_windows
    from posemill.store.shards import durations, layouts, persons

    validated = inputs.output("validate")
    every = _clips(validated / "clips.parquet")
    clips, dropped = _usable(every, params)
    label = inputs.output("label")
    pipeline = _pipeline(params, layouts(label, set(clips["medium"])), _durations(clips, durations(label)))
    if params.people == 2 or (params.people == AUTO and _of_pairs(clips, persons(label))):
        pipeline = replace(pipeline, skeleton=paired(pipeline.skeleton))
    cache = cut_cache(inputs.cache("prepare"))
    unknown = every[every["activity"].isin(params.unknown)]
    _cut_on_workers(pipeline, clips, unknown, inputs, cache)
    with TemporaryDirectory(prefix="poses-", dir=outputs) as scratch, PerformanceStore(Path(scratch)) as performances:
        rejected = rejected_tracks(validated)
        cut = cut_windows(pipeline, clips, label, rejected, outputs / "windows.npy", performances, cache)
        dropped |= cut.dropped
        if not len(cut):
            reasons = "; ".join(f"{n} times: {r}" for r, n in Counter(dropped.values()).items())
            raise InputError(f"no clip gave a window ({reasons or 'there are no clips'}): add labelled clips")
        _stop_missing(set(cut.clips["activity"]), clips, dropped)
        cut.clips["split"] = _splits(cut.clips, clips, params)
        _stop_empty(cut.clips, clips)
        findings = _stop_leaks(cut.clips, clips, performances, params.split.by)
    _stop_empty(cut.clips, clips)
    index = cut.index()
    index.to_parquet(outputs / "index.parquet", index=False)
    _write_dropped({int(c): dropped[int(c)] for c in every["clip"] if int(c) in dropped}, outputs)
    _cut_unknown(pipeline, unknown, inputs, outputs, cache)
    cache.prune()
    known = set(cut.clips["activity"])
    classes = [a for a in params.activities or sorted(known) if a in known]
    (outputs / "classes.json").write_text(json.dumps(classes, indent=1) + "\n")
    check_windows(index, inputs.expectations, outputs / "docs", params.split.by)
    rows = np.flatnonzero(index["split"] == "train")
    some = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), FIT_WINDOWS)).round().astype(int))]
    pipeline.fit(np.load(outputs / "windows.npy", mmap_mode="r"), some).save(outputs / "features.json")
    number = Counter(index["split"])
    return PrepareResult(
        windows=len(index),
        train=number["train"],
        validation=number["validation"],
        test=number["test"],
        clips=len(cut.clips),
        clips_dropped=len(dropped),
        activities=len(classes),
        classes=classes,
        dropped=dict(Counter(dropped.values())),
        split_by=params.split.by,
        shared_subjects=len(shared_subjects(cut.clips)),
        findings=findings,
    )


def _clips(path: Path) -> pd.DataFrame:
    """Read clips.parquet; a clip without a subject gets its medium as one, so that a medium stays in one split."""
    import pandas as pd

    if not path.is_file():
        raise InputError(f"no {path}: run `posemill stage validate` (or `dvc repro`) first")
    clips = sorted_clips(pd.read_parquet(path))
    clips["subject"] = clips["subject"].where(clips["subject"].notna(), "medium-" + clips["medium"])
    return clips


def _usable(clips: pd.DataFrame, params: PrepareParams) -> tuple[pd.DataFrame, dict[int, str]]:
    """Clips with a wanted activity, and the others with the reason. InputError for a wanted one without any clip."""
    known = sorted(clips["activity"].dropna().unique())
    for section, names in (("activities", params.activities), ("unknown", params.unknown)):
        if unknown := [a for a in names if a not in known]:
            raise InputError(
                f"prepare.{section} names {', '.join(unknown)}, of which there is no clip; there are clips of "
                f"{', '.join(known) or 'no activity at all'}"
            )
    unlabelled = clips["activity"].isna()
    kept_out = clips["activity"].isin(params.unknown)
    unwanted = ~unlabelled & ~kept_out & (~clips["activity"].isin(params.activities) if params.activities else False)
    dropped = dict.fromkeys(clips.loc[unlabelled, "clip"].astype(int), UNLABELLED)
    dropped |= dict.fromkeys(clips.loc[unwanted, "clip"].astype(int), NOT_WANTED)
    dropped |= dict.fromkeys(clips.loc[kept_out, "clip"].astype(int), KEPT_OUT)
    return clips[~unlabelled & ~unwanted & ~kept_out], dropped


def _of_pairs(clips: pd.DataFrame, people: dict[str, int]) -> bool:
    """True where PAIRS of the clips are of media with just two people."""
    return len(clips) > 0 and bool((clips["medium"].map(people) == 2).mean() >= PAIRS)


def _durations(clips: pd.DataFrame, media_s: dict[str, float]) -> NDArray[np.float64]:
    """Durations (N,) in seconds of the clips that are not officially for testing, to their medium's end at most."""
    learnt = clips[clips["split"] != "test"]
    medium_s = learnt["medium"].map(media_s)
    lasts = np.fmin(learnt["end_s"], medium_s) - learnt["start_s"]
    return np.asarray(lasts.dropna(), np.float64)


def _pipeline(
    params: PrepareParams, found: set[tuple[Skeleton, bool]], clips_s: NDArray[np.float64]
) -> FeaturePipeline:
    """With the skeleton, coordinates and scales that are asked for, or, with `auto`, that fit the data.

    found    the tracks' skeletons, with whether they have z.
    clips_s  (N,) durations of clips.
    """
    flat = sorted(body.name for body, deep in found if not deep)
    if params.coordinates == 3 and flat:
        raise InputError(
            f"prepare.coordinates: 3 needs z, and tracks of {', '.join(flat)} have none: import them with `--depth "
            f"keep`, leave them out (snapshot.datasets), or set it to auto"
        )
    body = shared(b for b, _ in found) if params.skeleton == AUTO and found else None
    coordinates = (3 if found and not flat else 2) if params.coordinates == AUTO else params.coordinates
    named = PrepareParams().skeleton if params.skeleton == AUTO else params.skeleton
    window = params.window.model_dump()
    if params.window.scales == AUTO:
        window["scales"] = fitted_scales(params.window.duration_s, clips_s)
    return FeaturePipeline(body or skeleton(named), WindowSpec(**window), coordinates=coordinates)


def _cut_on_workers(
    pipeline: FeaturePipeline, clips: pd.DataFrame, unknown: pd.DataFrame, inputs: Workspace, cache: CutCache
) -> None:
    """Fill the cache on Dask workers, where params.yaml asks for them."""
    with workers_of(inputs) as workers:
        if workers is None:
            return
        from posemill.stages.cut_on_cluster import cut_on_cluster

        label, rejected = inputs.output("label"), rejected_tracks(inputs.output("validate"))
        for table, with_poses in ((clips, True), (unknown, False)):
            cut_on_cluster(*workers, cache, pipeline, table, label, rejected, with_poses)


def _cut_unknown(
    pipeline: FeaturePipeline, clips: pd.DataFrame, inputs: Workspace, outputs: Path, cache: CutCache
) -> None:
    """Write unknown.npy and unknown.parquet, which are empty where no activity is kept out."""
    import pandas as pd

    rejected = rejected_tracks(inputs.output("validate"))
    cut = cut_windows(pipeline, clips, inputs.output("label"), rejected, outputs / UNKNOWN_WINDOWS, cache=cache)
    columns = ["window", "clip", "medium", "activity", "subject"]
    index = cut.index() if len(cut) else pd.DataFrame().reindex(columns=columns)
    index.to_parquet(outputs / UNKNOWN_INDEX, index=False)


def _splits(cut: pd.DataFrame, clips: pd.DataFrame, params: PrepareParams) -> Any:
    """The split of every clip with windows, by its subject or by a protocol; whoever shares a medium shares it."""
    used = clips[clips["clip"].isin(cut["clip"])]
    group = group_subjects(zip(used["subject"].astype(str), used["medium"].astype(str), strict=True))
    official = used["split"].astype(object).where(used["split"].notna(), None)
    rows = zip(used["subject"], used["activity"], official, used["dataset"], strict=True)
    labelled = [ClipMeta(group[str(s)], str(a), o, str(d)) for s, a, o, d in rows]
    if params.split.by != "subject":
        cameras = used["camera"].astype(object).where(used["camera"].notna(), None)
        named = [replace(clip, camera=c) for clip, c in zip(labelled, cameras, strict=True)]
        sides = split_by_protocol(named, params.split.by, params.split.validation, params.split.test, params.split.seed)
        return cut["clip"].map(dict(zip(used["clip"], sides, strict=True)))
    split = split_subjects(labelled, params.split.validation, params.split.test, params.split.seed)
    return cut["subject"].astype(str).map(group).map(split)


def _stop_missing(found: set[str], clips: pd.DataFrame, dropped: dict[int, str]) -> None:
    """InputError where all clips of an activity are lost: the model would not know it."""
    lost = clips[~clips["activity"].isin(found)]
    if len(lost):
        each = [
            f"{activity} ({len(numbers)} clips: {', '.join(sorted({dropped[int(c)] for c in numbers}))})"
            for activity, numbers in lost.groupby("activity")["clip"]
        ]
        raise InputError(
            f"no window of {'; '.join(each)}: add clips in which the person is seen, or name the other activities in "
            f"prepare.activities"
        )


def _stop_empty(cut: pd.DataFrame, clips: pd.DataFrame) -> None:
    """InputError where a split has no window."""
    subjects = cut.groupby("split")["subject"].nunique()
    if empty := [split for split in SPLITS if split not in subjects.index]:
        has = ", ".join(f"{split} has {subjects[split]}" for split in SPLITS if split in subjects.index)
        raise InputError(
            f"no window in the {' and '.join(empty)} split: {has} of the {cut['subject'].nunique()} subjects; every "
            f"split needs one of its own, so add clips of more subjects, or name subjects and official splits otherwise"
            f"{_crossing(clips)}"
        )


def _crossing(clips: pd.DataFrame) -> str:
    """Advice where the official split has subjects on both sides, as protocols by camera and set-up have it."""
    sides = clips.dropna(subset=["split"]).groupby("subject")["split"].nunique()
    both = int((sides > 1).sum())
    if not both:
        return ""
    return (
        f"; {both} subjects are on both sides of the official split: of a protocol by camera or set-up, set "
        "prepare.split.by to camera or setup"
    )


def shared_subjects(cut: pd.DataFrame) -> list[str]:
    """Return the subjects who are both in the test split and in another one."""
    tested = set(cut.loc[cut["split"] == "test", "subject"].astype(str))
    return sorted(tested & set(cut.loc[cut["split"] != "test", "subject"].astype(str)))


def _stop_leaks(cut: pd.DataFrame, clips: pd.DataFrame, performances: PerformanceStore, by: str) -> list[str]:
    """QualityError where a medium, or the same keypoints, are on both sides of a split; returns what is by design.

    performances  of the clips, in the order of `cut`.
    Copies within an official train split are put together: their validation windows are for training then.
    """
    import pandas as pd

    official = cut["clip"].map(clips.set_index("clip")["split"].astype(object))
    columns = (cut[name] for name in ("clip", "medium", "split", "camera", "subject"))
    rows = [
        SplitClip(int(c), str(m), str(s), None if pd.isna(o) else str(o), None if pd.isna(v) else str(v), str(who))
        for o, c, m, s, v, who in zip(official, *columns, strict=True)
    ]
    by_design: list[str] = []
    learnt: set[str] = set()
    found = leaks(rows, performances.near_duplicates, by, by_design, learnt)
    if found:
        raise QualityError("; ".join(found))
    dealt = (cut["split"] == "validation") & cut["subject"].astype(str).isin(learnt)
    cut.loc[dealt, "split"] = "train"
    if both := shared_subjects(cut):
        by_design.insert(0, f"{len(both)} subjects are both in the test split and in another one: it is split by {by}")
    return by_design


def _write_dropped(dropped: dict[int, str], outputs: Path) -> None:
    import pandas as pd

    table = pd.DataFrame({"clip": list(dropped), "reason": list(dropped.values())})
    table.astype({"clip": "int64", "reason": "str"}).to_parquet(outputs / "dropped.parquet", index=False)
