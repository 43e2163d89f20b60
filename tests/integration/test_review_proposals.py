"""Active learning on a real database: clips are proposed by a real model, go out to tools, and come back as labels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from posemill.cli.review import review
from posemill.errors import InputError
from posemill.ingest.register import register_video
from posemill.labelling.labeller import open_labeller
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.prediction.packaged import PACKAGED
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.clips import add_clip, clips, correct_clip
from posemill.store.media import MediaStore
from posemill.video.encode import VideoWriter

WIDTH, HEIGHT, FPS, FRAMES, CLIPS = 160, 240, 20.0, 60, 6
PARAMS = "label: {backend: openpifpaf, checkpoint: posenet, runtime: eager, threads: 1, long_edge_px: 129}\n"
HIGH = {"nose": 20, "eye": 16, "ear": 18, "shoulder": 50, "elbow": 85, "wrist": 115, "hip": 120, "knee": 165}


def person(number: int) -> np.ndarray:
    """(FRAMES, 17, 2) pixels of somebody who waves or bends, each in another way."""
    xy = np.zeros((FRAMES, 17, 2), np.float32)
    for k, name in enumerate(COCO_17.keypoints):
        side = 1 if name.startswith("left") else -1 if name.startswith("right") else 0
        xy[:, k] = 80 + 18 * side, HIGH.get(name.split("_")[-1], 210)
    swing = np.sin(np.arange(FRAMES) / FPS * (2 + number))
    if number % 2:
        xy[:, COCO_17.index("left_wrist")] += np.stack([10 * swing, -70 + 10 * swing], -1)
    else:
        xy[:, :11, 1] += 8 * number * (1 + swing[:, None])
    return xy


class Place:
    """A workspace with CLIPS unlabelled clips of one person each."""

    def __init__(self, settings: Settings, engine: Engine, labeller: str, media: list[str]) -> None:
        self.settings, self.engine, self.labeller, self.media = settings, engine, labeller, media

    def ask(self, *arguments: object) -> str:
        done = CliRunner().invoke(review, [str(a) for a in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    def propose(self, *arguments: object) -> dict:
        return json.loads(self.ask("propose", "--model", "packaged", *arguments, "--json"))

    def items(self, *arguments: object) -> list[dict]:
        return [json.loads(line) for line in self.ask("list", *arguments, "--json").splitlines()]

    def activities(self) -> list[str | None]:
        with self.engine.connect() as connection:
            return [row["activity"] for row in clips(connection)]


@pytest.fixture
def place(settings: Settings, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name, value in (
        ("WORKSPACE", settings.workspace),
        ("DATABASE_URL", settings.database_url),
        ("STORE_URL", settings.store_url),
        ("HOME", tmp_path / "home"),
    ):
        monkeypatch.setenv(f"POSEMILL_{name}", str(value))
    (settings.workspace / "params.yaml").write_text(PARAMS)
    labeller = open_labeller(LabelParams(runtime="eager", threads=1, long_edge_px=129), settings)
    media = []
    for number in range(CLIPS):
        video = tmp_path / f"v{number}.mp4"
        with VideoWriter(video, FPS, WIDTH, HEIGHT) as writer:
            for level in range(FRAMES):
                writer.write(np.full((HEIGHT, WIDTH, 3), 30 + 20 * number + level, np.uint8))
        with engine.begin() as connection:
            catalog.add_dataset(connection, "gym", "ann")
            medium = register_video(
                connection,
                MediaStore(settings.store_url),
                video,
                dataset="gym",
                source=video.name,
                annotated_by="ann",
            )
            add_clip(connection, catalog.ClipRow(medium=medium, annotated_by="ann"))
        frame = np.arange(FRAMES, dtype=np.int32)
        sure = np.full((FRAMES, 17), 0.9, np.float32)
        track = PoseTrack(COCO_17, 0, frame, frame / FPS, person(number), sure, np.zeros(FRAMES, np.uint8))
        tracks = MediumTracks(medium, labeller.fingerprint, COCO_17, WIDTH, HEIGHT, FRAMES, FRAMES / FPS, (track,))
        labeller.tracks.put(tracks)
        media.append(medium)
    return Place(settings, engine, labeller.fingerprint, media)


def test_clips_are_proposed_once_and_topped_up(place: Place) -> None:
    done = place.propose("--take", 2)
    assert (done["proposed"], done["open"], done["pool"], done["unseen"]) == (2, 2, CLIPS, 0)
    first = place.items()
    assert {item["medium"] for item in first} <= set(place.media)
    assert [item["person"] for item in first] == [0, 0]
    assert first[0]["priority"] > first[1]["priority"]
    assert first[0]["predicted"]["activity"] in json.loads((PACKAGED / "classes.json").read_text())
    assert first[0]["reason"].startswith(first[0]["predicted"]["activity"])
    assert place.propose("--take", 2)["proposed"] == 0
    assert place.propose("--take", 3)["proposed"] == 1
    assert {item["clip"] for item in first} < {item["clip"] for item in place.items()}
    assert len(place.items("--kind", "activity")) == 3
    assert place.items("--kind", "pose") == []


def test_the_queue_of_poses_leaves_proposals_alone(place: Place) -> None:
    place.propose("--take", 2)
    place.ask("queue")
    assert len(place.items("--kind", "activity")) == 2


def test_answers_of_a_person_are_labels_and_are_not_asked_for_again(place: Place) -> None:
    place.propose("--take", 3)
    one, two, three = (item["item"] for item in place.items())
    predicted = place.items()[0]["predicted"]["activity"]
    place.ask("label", one, "--by", "anna")
    place.ask("label", two, "juggle", "--by", "anna")
    place.ask("label", three, "--none", "--by", "anna")
    assert sorted(a for a in place.activities() if a) == sorted([predicted, "juggle"])
    assert place.items() == []
    assert place.propose("--take", 50)["proposed"] == CLIPS - 3
    with pytest.raises(InputError, match="is done"):
        place.ask("label", one)


def test_a_clip_that_was_labelled_elsewhere_is_closed(place: Place) -> None:
    place.propose("--take", 2)
    clip = place.items()[0]["clip"]
    with place.engine.begin() as connection:
        correct_clip(connection, clip, "ann", activity="wave")
    done = place.propose("--take", 2)
    assert (done["answered"], done["proposed"], done["open"]) == (1, 1, 2)
    assert clip not in {item["clip"] for item in place.items()}


def test_renewing_withdraws_what_is_open(place: Place) -> None:
    place.propose("--take", 2, "--strategy", "random", "--seed", 1)
    before = {item["clip"] for item in place.items()}
    done = place.propose("--take", 4, "--strategy", "random", "--seed", 2, "--renew")
    assert (done["proposed"], done["open"]) == (4, 4)
    after = {item["clip"] for item in place.items()}
    assert len(after) == 4
    assert after != before


@pytest.mark.parametrize("form", ["cvat", "label-studio"])
def test_out_to_a_tool_and_back_as_labels(place: Place, tmp_path: Path, form: str) -> None:
    place.propose("--take", 3)
    items = {item["medium"]: item for item in place.items()}
    out = tmp_path / "review"
    exported = json.loads(place.ask("export", "--format", form, "--kind", "activity", "--frames", 3, out, "--json"))
    assert (exported["items"], exported["frames"], exported["people"]) == (3, 9, 9)
    assert len(list((out / "images").iterdir())) == 9
    confirmed, changed, none = items
    answers = {changed: "juggle", none: "none of these"}  # in one frame of each
    file = (annotate_cvat if form == "cvat" else annotate_label_studio)(Path(exported["file"]), answers)
    done = json.loads(place.ask("import", file, "--by", "anna", "--json"))
    assert (done["clips_labelled"], done["items_done"], done["items_dismissed"]) == (2, 2, 1)
    assert (done["keypoints"], done["frames"]) == (0, 9)
    with place.engine.connect() as connection:
        labels = {row["medium"]: (row["activity"], row["annotated_by"]) for row in clips(connection)}
    assert labels[confirmed] == (items[confirmed]["predicted"]["activity"], "anna")
    assert labels[changed] == ("juggle", "anna")
    assert labels[none] == (None, "ann")
    assert place.items() == []


def annotate_cvat(path: Path, answers: dict[str, str]) -> Path:
    tree = Xml.parse(path)
    for medium, activity in answers.items():
        image = next(i for i in tree.getroot().iter("image") if str(i.get("name")).startswith(medium))
        next(a for a in image.iter("attribute") if a.get("name") == "activity").text = activity
    tree.write(path)
    return path


def annotate_label_studio(path: Path, answers: dict[str, str]) -> Path:
    tasks = json.loads(path.read_text())
    for task in tasks:
        result = task["predictions"][0]["result"]
        activity = answers.pop(task["data"]["medium"], None)
        if activity is not None:
            next(region for region in result if region["type"] == "choices")["value"]["choices"] = [activity]
        task["annotations"] = [{"id": 1, "was_cancelled": False, "result": result, "updated_at": "2026-01-02"}]
    path.write_text(json.dumps(tasks))
    return path


def test_frames_that_differ_in_two_ways_label_nothing(place: Place, tmp_path: Path) -> None:
    place.propose("--take", 1)
    place.ask("export", "--format", "cvat", "--frames", 3, tmp_path)
    tree = Xml.parse(tmp_path / "annotations.xml")
    said = [a for image in tree.getroot().iter("image") for a in image.iter("attribute") if a.get("name") == "activity"]
    said[0].text, said[1].text = "juggle", "swim"
    tree.write(tmp_path / "annotations.xml")
    with pytest.raises(InputError, match="is juggle and swim in different frames"):
        place.ask("import", tmp_path / "annotations.xml")
    assert place.activities() == [None] * CLIPS
    assert len(place.items()) == 1


def test_the_network_of_the_workspace_keeps_away_from_what_it_was_trained_on(place: Place) -> None:
    own, prepared = place.settings.workspace / "build" / "train", place.settings.workspace / "build" / "prepare"
    with pytest.raises(InputError, match="`dvc repro` makes a network"):
        place.ask("propose")
    own.mkdir(parents=True)
    prepared.mkdir()
    for name in ("network.safetensors", "network.json"):
        shutil.copy(PACKAGED / name, own)
    shutil.copy(PACKAGED / "features.json", prepared)
    features = json.loads((PACKAGED / "features.json").read_text())
    frames = features["window"]["frames"]
    windows = np.random.default_rng(0).normal(100, 30, (4, frames, len(features["skeleton"]["keypoints"]), 3))
    np.save(prepared / "windows.npy", windows.astype(np.float32))
    pl.DataFrame(
        {"clip": [91, 91, 92, 93], "activity": ["wave", "wave", "squat", "squat"], "split": ["train"] * 3 + ["test"]}
    ).write_parquet(prepared / "index.parquet")
    done = json.loads(place.ask("propose", "--take", 2, "--strategy", "core-set", "--json"))
    assert (done["proposed"], done["model"]) == (2, "workspace")


def test_a_second_model_and_a_second_labeller_say_where_they_disagree(place: Place) -> None:
    other = open_labeller(LabelParams(runtime="eager", threads=1, long_edge_px=161), place.settings)
    store = other.tracks
    for number, medium in enumerate(place.media):
        seen = store.get(medium, place.labeller)
        (track,) = seen.tracks
        xy = person(5 if number == 3 else number)  # of one medium the other labeller sees something else
        moved = PoseTrack(COCO_17, 0, track.frame, track.time_s, xy, track.confidence, track.state)
        store.put(
            MediumTracks(medium, other.fingerprint, COCO_17, WIDTH, HEIGHT, FRAMES, FRAMES / FPS, (moved,)),
        )
    place.propose("--take", CLIPS, "--other-labeller", other.fingerprint[:8])
    apart = {item["medium"]: item["predicted"]["disagreement"] for item in place.items()}
    assert apart.pop(place.media[3]) > 0
    assert set(apart.values()) == {0.0}
    place.propose("--take", CLIPS, "--renew", "--other", "packaged")
    assert {item["predicted"]["disagreement"] for item in place.items()} == {0.0}  # with itself it agrees
    with pytest.raises(InputError, match="0 labellers begin with 'nobody'; the store has tracks of"):
        place.ask("propose", "--model", "packaged", "--other-labeller", "nobody")


def test_without_unlabelled_clips_it_says_what_to_do(place: Place) -> None:
    with place.engine.begin() as connection:
        for row in clips(connection):
            correct_clip(connection, row["clip"], "ann", activity="wave")
    with pytest.raises(InputError, match="0 clips are unlabelled"):
        place.propose()
