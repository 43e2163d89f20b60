"""prepare and train on analytic motion, from the files that label and validate write."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from posemill import models
from posemill.errors import InputError, QualityError
from posemill.evaluation import calibration
from posemill.features import FeaturePipeline
from posemill.features.verdict import grouped_probabilities
from posemill.models.out_of_fold import OutOfFoldPredictions
from posemill.operations import assemble
from posemill.params.evaluate import EvaluateParams
from posemill.params.prepare import PrepareParams
from posemill.params.train import TrainParams
from posemill.pose.conversion import shared
from posemill.pose.skeleton import COCO_17, OPENNI_15
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.stages import cut_windows, evaluate, prepare, train
from posemill.stages.workspace import Workspace
from posemill.store.tracks import read_shards, write_shards

PARAMS = PrepareParams.model_validate(
    {"window": {"duration_s": 1.0, "stride_s": 0.5, "rate_hz": 16.0}, "split": {"validation": 0.2, "test": 0.2}}
)
REPOSITORY = Path(__file__).resolve().parents[3]


def person(number: int, activity: str, seconds: float = 3.0, seed: int = 0) -> PoseTrack:
    """Someone whose wrists swing sideways (`sway`) or up and down (`nod`) once a second; `still` stands."""
    random = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * 25)) / 25
    body = np.random.default_rng(0).normal(0, 40, (1, 17, 2))
    xy = 200 + body + random.normal(0, 1, (len(time_s), 17, 2))
    axis = {"sway": 0, "nod": 1}.get(activity)
    if axis is not None:
        xy[:, 9:11, axis] += 40 * np.sin(2 * np.pi * time_s + random.uniform(0, 6))[:, None]
    return PoseTrack(
        COCO_17,
        number,
        np.arange(len(time_s), dtype=np.int32),
        time_s,
        xy.astype(np.float32),
        np.full((len(time_s), 17), 0.5, np.float32),
        np.zeros(len(time_s), np.uint8),
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Ten subjects doing two things each, one unlabelled clip, one nobody is in, one with a rejected track."""
    workspace = Workspace(tmp_path)
    shutil.copytree(REPOSITORY / "expectations", tmp_path / "expectations")
    rows: list[dict[str, Any]] = []
    media: list[MediumTracks] = []

    def add(activity: str | None, subject: str | None, *people: PoseTrack) -> None:
        medium = f"{len(rows):064x}"
        media.append(MediumTracks(medium, "test", COCO_17, 400, 400, 75, 3.0, people))
        rows.append(
            {
                "clip": len(rows) + 1,
                "medium": medium,
                "start_s": 0.0,
                "end_s": np.nan,
                "activity": activity,
                "subject": subject,
                "camera": None,
                "split": None,
                "dataset": "d",
                "annotated_by": "test",
            }
        )

    for s in range(10):
        for activity in ("nod", "sway"):
            add(activity, f"subject-{s}", person(0, activity, seed=len(rows)))
    add(None, "subject-1", person(0, "sway"))
    add("sway", "subject-2")
    add("nod", "subject-3", person(0, "nod"))
    for stage in ("label", "validate", "prepare", "train"):
        workspace.output(stage).mkdir(parents=True)
    write_shards(workspace.output("label"), media)
    validated = workspace.output("validate")
    pd.DataFrame(rows).to_parquet(validated / "clips.parquet", index=False)
    rejected = {
        "what": "track",
        "clip": None,
        "medium": rows[-1]["medium"],
        "person": 0,
        "expectation": "e",
        "reason": "",
    }
    pd.DataFrame([rejected]).to_parquet(validated / "rejected.parquet", index=False)
    return workspace


def test_windows_index_and_features_fit_together(workspace: Workspace) -> None:
    out = workspace.output("prepare")
    result = prepare.run(PARAMS, workspace, out)
    windows = np.load(out / "windows.npy")
    index = pd.read_parquet(out / "index.parquet")
    assert windows.shape == (len(index), 16, 12, 3) == (100, 16, 12, 3)
    assert windows.dtype == np.float32
    assert index["window"].tolist() == list(range(100))
    assert (index.groupby("subject")["split"].nunique() == 1).all()
    assert (index.groupby("split")["activity"].nunique() == 2).all()
    assert index.groupby("split").size().to_dict() == {"test": 20, "train": 60, "validation": 20}
    assert (result.windows, result.train, result.validation, result.test) == (100, 60, 20, 20)
    assert json.loads((out / "classes.json").read_text()) == ["nod", "sway"]
    assert not (out / "windows.raw").exists()
    row = index.iloc[7]
    truth = person(0, row["activity"], seed=int(row["clip"]) - 1)
    again, spans = FeaturePipeline.load(out / "features.json").windows(truth, 0.0, 3.0)
    np.testing.assert_array_equal(windows[7], again[spans[:, 0].tolist().index(row["start_s"])])


def test_unknown_activities_are_kept_apart(workspace: Workspace) -> None:
    """Their clips are cut, and play no part in classes, splits and features."""
    out, validated = workspace.output("prepare"), workspace.output("validate")
    clips = pd.read_parquet(validated / "clips.parquet")
    clips.loc[clips["clip"].isin([1, 4]), "activity"] = "dance"
    clips.to_parquet(validated / "clips.parquet", index=False)
    prepare.run(PARAMS, workspace, out)
    assert (len(pd.read_parquet(out / "unknown.parquet")), len(np.load(out / "unknown.npy"))) == (0, 0)
    result = prepare.run(PARAMS.model_copy(update={"unknown": ("dance",)}), workspace, out)
    index, unknown = pd.read_parquet(out / "index.parquet"), pd.read_parquet(out / "unknown.parquet")
    assert result.classes == ["nod", "sway"]
    assert not set(index["clip"]) & {1, 4}
    assert unknown.groupby("clip").size().to_dict() == {1: 5, 4: 5}
    assert set(unknown["activity"]) == {"dance"}
    assert np.load(out / "unknown.npy").shape == (10, 16, 12, 3)
    assert result.dropped["the activity is in prepare.unknown"] == 2
    with pytest.raises(InputError, match=r"prepare\.unknown names jump, of which there is no clip"):
        prepare.run(PARAMS.model_copy(update={"unknown": ("jump",)}), workspace, out)
    with pytest.raises(ValueError, match="nod cannot be in both activities and unknown"):
        PrepareParams(activities=("nod", "sway"), unknown=("nod",))


def test_short_clips_give_windows_and_shorter_windows(workspace: Workspace) -> None:
    """A second or less, as a throw or a push is: every clip counts, and half as long windows are cut too."""
    clips = pd.read_parquet(workspace.output("validate") / "clips.parquet")
    clips.loc[clips["activity"] == "nod", "end_s"] = 0.4
    clips.to_parquet(workspace.output("validate") / "clips.parquet", index=False)
    out = workspace.output("prepare")
    result = prepare.run(PARAMS, workspace, out)
    assert set(result.dropped) == {prepare.UNLABELLED, cut_windows.NOBODY}  # as of three-second clips
    index = pd.read_parquet(out / "index.parquet")
    assert index[index["activity"] == "nod"].groupby("clip").size().tolist() == [1] * 10
    assert FeaturePipeline.load(out / "features.json").window.scales == (0.5, 1.0)
    window = np.load(out / "windows.npy")[index[index["activity"] == "nod"].index[0]]
    seen = ~np.isnan(window[:, 0, 0])
    assert 12 <= seen.sum() <= 14  # 0.4 s of half a second, and a step held at both ends
    explicit = {"window": {**PARAMS.window.model_dump(), "scales": (1.0,)}}
    prepare.run(PrepareParams.model_validate(PARAMS.model_dump() | explicit), workspace, out)
    assert FeaturePipeline.load(out / "features.json").window.scales == (1.0,)


def test_data_of_interactions_give_windows_of_two_people(workspace: Workspace) -> None:
    media = list(read_shards(workspace.output("label")))
    beside = [
        replace(m, tracks=(*m.tracks, *(replace(t, person=1, xy=t.xy + np.float32(60)) for t in m.tracks)))
        for m in media[:-1]
    ]
    write_shards(workspace.output("label"), [*beside, media[-1]])
    out = workspace.output("prepare")
    prepare.run(PARAMS, workspace, out)
    pipeline = FeaturePipeline.load(out / "features.json")
    assert (pipeline.people, pipeline.skeleton.name) == (2, "body-12x2")
    windows = np.load(out / "windows.npy")
    assert windows.shape == (100, 16, 24, 3)
    np.testing.assert_allclose(np.abs(windows[:, :, 12:, :2] - windows[:, :, :12, :2]), 60, atol=1e-2)
    prepare.run(PARAMS.model_copy(update={"people": 1}), workspace, out)
    assert np.load(out / "windows.npy", mmap_mode="r").shape == (100, 16, 12, 3)


def test_windows_may_have_the_skeleton_that_the_data_have(workspace: Workspace) -> None:
    out, auto = workspace.output("prepare"), PARAMS.model_copy(update={"skeleton": "auto"})
    prepare.run(auto, workspace, out)
    assert np.load(out / "windows.npy", mmap_mode="r").shape == (100, 16, 17, 3)
    assert FeaturePipeline.load(out / "features.json").skeleton == COCO_17
    media = list(read_shards(workspace.output("label")))
    media[0] = in_openni(media[0])
    write_shards(workspace.output("label"), media)
    prepare.run(auto, workspace, out)
    both = shared([COCO_17, OPENNI_15])
    assert np.load(out / "windows.npy", mmap_mode="r").shape == (100, 16, 8, 3)
    assert FeaturePipeline.load(out / "features.json").skeleton == both
    quick = TrainParams(epochs=1, threads=1, min_windows_per_epoch=0, hyper={"tcn": {"width": 8, "dilations": [1]}})
    train.run(quick, workspace, workspace.output("train"))
    network, card = models.load(workspace.output("train"), ["nod", "sway"], both)
    assert (card.skeleton, network.training) == (both.name, False)


@pytest.mark.parametrize("network", ["linear", "tcn"])
def test_folds_are_judged_and_assembled_by_what_they_had_not_seen(
    workspace: Workspace, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, trained = workspace.output("prepare"), workspace.output("train")
    prepare.run(PARAMS, workspace, out)
    params = TrainParams(
        min_windows_per_epoch=0,
        network=network,
        epochs=2,
        threads=1,
        batch=12,
        folds=2,
        hyper={"tcn": {"width": 8, "dilations": [1]}},
    )
    result = train.run(params, workspace, trained)
    index, held_out = pd.read_parquet(out / "index.parquet"), OutOfFoldPredictions.load(trained)
    assert held_out is not None
    assert held_out.rows.tolist() == index.index[index["split"] != "test"].tolist()
    features = FeaturePipeline.load(out / "features.json")
    ensemble, card = models.load(trained, ["nod", "sway"], features.skeleton)
    assert [member["name"] for member in card.hyper["members"]] == [network] * 2
    workspace.output("evaluate").mkdir()
    judged, fitted = [], calibration.fit_temperature
    monkeypatch.setattr(calibration, "fit_temperature", lambda *said: judged.append(len(said[0])) or fitted(*said))
    for folder, on, called in (
        (trained, "folds", "clips that members of the folds had not seen"),
        (None, "validation", "the validation split"),
    ):
        evaluated = workspace.output("evaluate")
        evaluate.judge(EvaluateParams(), out, evaluated, ensemble, features, ["nod", "sway"], "it", folder=folder)
        assert json.loads((evaluated / "calibration.json").read_text())["fitted_on"] == on
        assert f"was fitted on {called}" in (evaluated / "report.html").read_text()
    assert judged == [80, 20]
    truth = index.drop_duplicates("clip").set_index("clip")["activity"].map({"nod": 0, "sway": 1})
    found = assemble.run([trained], workspace.root / "ensemble", 0.0, workspace)
    said = torch.from_numpy(held_out.logits).softmax(-1).numpy()
    names, verdicts = grouped_probabilities(said, index["clip"].to_numpy()[held_out.rows])
    assert found.accuracy == pytest.approx(float((verdicts.argmax(1) == truth[names].to_numpy()).mean()))
    assert f"tried on {len(names)} clips that folds had held out" in found.reason
    assert len(names) == index.loc[index["split"] != "test", "clip"].nunique()
    assert 0 <= result.validation_accuracy <= 1

    other = (
        workspace.root / "other"
    )  # a second network in folds: both answer, and what they had not seen goes with them
    train.run(params.model_copy(update={"seed": 1}), workspace, other)
    both = assemble.run([trained, other], workspace.root / "both", 0.0, workspace)
    chosen = [
        OutOfFoldPredictions.load(folder) for folder, m in zip([trained, other], both.members, strict=True) if m.chosen
    ]
    logits = [torch.from_numpy(h.logits).log_softmax(-1) for h in chosen if h is not None]
    unseen = OutOfFoldPredictions.load(workspace.root / "both")
    assert unseen is not None
    assert unseen.rows.tolist() == held_out.rows.tolist()
    torch.testing.assert_close(torch.from_numpy(unseen.logits), torch.stack(logits).mean(0), rtol=1e-5, atol=1e-5)

    one = workspace.root / "one"  # beside one that has seen them, only validation clips can be judged
    train.run(params.model_copy(update={"folds": 0}), workspace, one)
    mixed = assemble.run([trained, one], workspace.root / "both", 1.0, workspace)
    assert mixed.clips == index.loc[index["split"] == "validation", "clip"].nunique()
    assert "validation clips" in mixed.reason
    assert (workspace.root / "both" / "out_of_fold.npz").is_file() == mixed.members[0].chosen


def test_windows_have_z_where_all_tracks_have_it(workspace: Workspace) -> None:
    out, media = workspace.output("prepare"), [with_z(t) for t in read_shards(workspace.output("label"))]
    write_shards(workspace.output("label"), media)
    prepare.run(PARAMS, workspace, out)
    assert np.load(out / "windows.npy", mmap_mode="r").shape == (100, 16, 12, 4)
    assert FeaturePipeline.load(out / "features.json").coordinates == 3
    train.run(TrainParams(epochs=1, threads=1, network="linear"), workspace, workspace.output("train"))
    assert models.load(workspace.output("train"))[1].hyper == {"coordinates": 3}
    prepare.run(PARAMS.model_copy(update={"coordinates": 2}), workspace, out)
    assert np.load(out / "windows.npy", mmap_mode="r").shape == (100, 16, 12, 3)
    flat = tuple(replace(t, z=None) for t in media[0].tracks)
    write_shards(workspace.output("label"), [replace(media[0], tracks=flat), *media[1:]])
    prepare.run(PARAMS, workspace, out)
    assert np.load(out / "windows.npy", mmap_mode="r").shape == (100, 16, 12, 3)
    with pytest.raises(InputError, match="coordinates: 3 needs z, and tracks of coco-17 have none: import them with"):
        prepare.run(PARAMS.model_copy(update={"coordinates": 3}), workspace, out)


def with_z(tracks: MediumTracks) -> MediumTracks:
    """The same people, who lean away from the camera."""
    return replace(tracks, tracks=tuple(replace(t, z=t.xy[..., 1] / 2) for t in tracks.tracks))


def in_openni(tracks: MediumTracks) -> MediumTracks:
    """The same people with 15 of their keypoints under the names of another layout."""
    people = tuple(
        replace(t, skeleton=OPENNI_15, xy=t.xy[:, :15], confidence=t.confidence[:, :15]) for t in tracks.tracks
    )
    return replace(tracks, skeleton=OPENNI_15, tracks=people)


def test_clips_without_windows_are_named_with_the_reason(workspace: Workspace) -> None:
    out = workspace.output("prepare")
    result = prepare.run(PARAMS, workspace, out)
    dropped = pd.read_parquet(out / "dropped.parquet").set_index("clip")["reason"].to_dict()
    assert dropped == {21: prepare.UNLABELLED, 22: cut_windows.NOBODY, 23: cut_windows.NOBODY}
    assert result.clips_dropped == 3
    assert result.dropped == {prepare.UNLABELLED: 1, cut_windows.NOBODY: 2}


def test_only_wanted_activities_and_an_official_split(workspace: Workspace) -> None:
    path = workspace.output("validate") / "clips.parquet"
    clips = pd.read_parquet(path)
    clips["split"] = np.where(clips["subject"].isin(["subject-0", "subject-5"]), "test", "train")
    clips.to_parquet(path)
    wanted = PARAMS.model_copy(update={"activities": ("sway", "nod")})
    prepare.run(wanted, workspace, workspace.output("prepare"))
    index = pd.read_parquet(workspace.output("prepare") / "index.parquet")
    assert set(index.loc[index["split"] == "test", "subject"]) == {"subject-0", "subject-5"}
    assert json.loads((workspace.output("prepare") / "classes.json").read_text()) == ["sway", "nod"]


def test_without_subjects_every_medium_is_its_own(workspace: Workspace) -> None:
    path = workspace.output("validate") / "clips.parquet"
    pd.read_parquet(path).assign(subject=None).to_parquet(path)
    prepare.run(PARAMS, workspace, workspace.output("prepare"))
    index = pd.read_parquet(workspace.output("prepare") / "index.parquet")
    assert index["subject"].nunique() == 20
    assert set(index["split"]) == {"train", "validation", "test"}


def test_a_copy_on_the_other_side_stops_the_stage(workspace: Workspace) -> None:
    """Trimmed, smaller and elsewhere in the picture, under another subject."""
    out, label = workspace.output("prepare"), workspace.output("label")
    media = list(read_shards(label))
    (track,) = media[0].tracks
    copy = replace(track, xy=(track.xy * 0.5 + 30).astype(np.float32)).between(0.4, 2.8)
    media[2] = replace(media[2], tracks=(copy,))  # clip 1 is of subject-0, clip 3 of subject-1
    write_shards(label, media)
    path = workspace.output("validate") / "clips.parquet"
    clips = pd.read_parquet(path)
    clips["split"] = np.where(clips["subject"] == "subject-0", "test", "train")
    clips.to_parquet(path)
    with pytest.raises(
        QualityError, match=r"same keypoints.*clip 1 \(test\) and clip 3 \((train|validation)\) \(60 poses"
    ):
        prepare.run(PARAMS, workspace, out)
    clips["split"] = None
    clips.loc[clips["subject"] == "subject-1", "subject"] = "subject-0"
    clips.to_parquet(path)
    prepare.run(PARAMS, workspace, out)


def test_a_medium_on_both_sides_stops_the_stage_and_is_kept_together_otherwise(workspace: Workspace) -> None:
    path = workspace.output("validate") / "clips.parquet"
    clips = pd.read_parquet(path)
    second = clips.iloc[[0]].assign(clip=99, subject="subject-9", start_s=0.0, end_s=2.0)
    both = pd.concat([clips, second], ignore_index=True)
    both.assign(split=np.where(both["subject"] == "subject-9", "test", "train")).to_parquet(path)
    with pytest.raises(QualityError, match="clips of one medium are on both sides of the official split"):
        prepare.run(PARAMS, workspace, workspace.output("prepare"))
    for seed in range(4):
        both.to_parquet(path)
        split = PARAMS.split.model_copy(update={"seed": seed})
        prepare.run(PARAMS.model_copy(update={"split": split}), workspace, workspace.output("prepare"))
        index = pd.read_parquet(workspace.output("prepare") / "index.parquet")
        assert index.loc[index["subject"].isin(["subject-0", "subject-9"]), "split"].nunique() == 1


def test_no_window_at_all_says_why(workspace: Workspace) -> None:
    path = workspace.output("validate") / "clips.parquet"
    pd.read_parquet(path).assign(activity=None).to_parquet(path)
    with pytest.raises(InputError, match=r"no clip gave a window \(23 times: the clip has no activity\)"):
        prepare.run(PARAMS, workspace, workspace.output("prepare"))


def test_an_unknown_activity_lists_the_known_ones(workspace: Workspace) -> None:
    strange = PARAMS.model_copy(update={"activities": ("nod", "fly", "swim")})
    with pytest.raises(InputError, match=r"names fly, swim, of which .* there are clips of nod, sway$"):
        prepare.run(strange, workspace, workspace.output("prepare"))


def changed(workspace: Workspace, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = workspace.output("validate") / "clips.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


def test_an_activity_that_is_lost_stops_the_stage(workspace: Workspace) -> None:
    changed(workspace, lambda c: c.assign(activity=c["activity"].where(c["clip"] != 22, "swim")))
    with pytest.raises(InputError, match=r"no window of swim \(1 clips: nobody was found.*prepare.activities"):
        prepare.run(PARAMS, workspace, workspace.output("prepare"))
    prepare.run(PARAMS.model_copy(update={"activities": ("nod", "sway")}), workspace, workspace.output("prepare"))


def test_an_activity_of_one_subject_is_too_little(workspace: Workspace) -> None:
    changed(workspace, lambda c: c[(c["activity"] != "nod") | (c["subject"] == "subject-0")])
    with pytest.raises(QualityError, match=r"0 for activity nod.*add clips of this activity with other subjects"):
        prepare.run(PARAMS, workspace, workspace.output("prepare"))


@pytest.mark.parametrize(
    ("column", "content", "says"),
    [
        ("subject", "me", r"no window in the validation and test split: train has 1 of the 1 subjects"),
        ("split", "test", r"no window in the train and validation split: test has 10 of the 10 subjects"),
    ],
)
def test_an_empty_split_is_told_with_advice(workspace: Workspace, column: str, content: str, says: str) -> None:
    changed(workspace, lambda c: c.assign(**{column: content}))
    with pytest.raises(InputError, match=says + r".*add clips of more subjects"):
        prepare.run(PARAMS, workspace, workspace.output("prepare"))


def test_prepared_windows_train_a_network_that_tells_them_apart(workspace: Workspace) -> None:
    from posemill import models

    prepare.run(PARAMS, workspace, workspace.output("prepare"))
    params = TrainParams(
        min_windows_per_epoch=0,
        hyper={"tcn": {"width": 16, "dilations": [1, 2]}},
        epochs=8,
        batch=12,
        threads=1,
        learning_rate=8e-3,
    )
    out = workspace.output("train")
    result = train.run(params, workspace, out)
    assert result.validation_accuracy >= 0.75
    network, card = models.load(out, ["nod", "sway"])
    assert card.frames == 16
    assert sum(p.numel() for p in network.parameters()) == result.parameters
    history = json.loads((out / "history.json").read_text())
    assert len(history["epochs"]) == 8
    assert not list((workspace.root / "build" / ".resume").glob("*"))


def test_train_before_prepare_says_what_to_do(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="posemill stage prepare"):
        train.run(TrainParams(), workspace, workspace.output("train"))


def test_a_published_protocol_by_camera_shares_subjects_and_says_so(workspace: Workspace) -> None:
    """Two cameras saw every performance at once; the second one is the official test."""
    path = workspace.output("validate") / "clips.parquet"
    clips = pd.read_parquet(path).dropna(subset=["subject", "activity"])
    media = {t.medium: t for t in read_shards(workspace.output("label"))}
    seen = clips[clips["medium"].map(lambda m: len(media[m].tracks) > 0)].iloc[:20]
    other = seen.assign(clip=seen["clip"] + 1000, medium="f" + seen["medium"].str[1:], camera="C2", split="test")
    both = pd.concat([seen.assign(camera="C1", split="train"), other])
    both.to_parquet(path, index=False)
    write_shards(
        workspace.output("label"),
        [media[m] for m in seen["medium"]] + [replace(media[m], medium="f" + m[1:]) for m in seen["medium"]],
    )
    out = workspace.output("prepare")
    with pytest.raises(InputError, match="10 subjects are on both sides of the official split"):
        prepare.run(PARAMS, workspace, out)
    split = PARAMS.split.model_copy(update={"by": "camera"})
    result = prepare.run(PARAMS.model_copy(update={"split": split}), workspace, out)
    index = pd.read_parquet(out / "index.parquet")
    assert ((index["camera"] == "C2") == (index["split"] == "test")).all()
    assert set(index["split"]) == {"train", "validation", "test"}
    subjects = index["subject"].nunique()
    assert (result.split_by, result.shared_subjects) == ("camera", subjects)
    assert result.findings[0].startswith(f"{subjects} subjects are both in the test split and in another one")
    assert "as two cameras saw them" in result.findings[1]
    with pytest.raises(QualityError, match="show the same keypoints"):  # which a split by set-up does not explain
        prepare.run(PARAMS.model_copy(update={"split": split.model_copy(update={"by": "setup"})}), workspace, out)
