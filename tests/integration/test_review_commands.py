"""`posemill review`, `export` and `draw` on a real database and video, with tracks whose faults are known."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from posemill.cli.draw import draw
from posemill.cli.export import export
from posemill.cli.review import review
from posemill.cli.tracks import tracks
from posemill.errors import InputError
from posemill.formats.coco import read_coco
from posemill.formats.pyskl import read_pyskl
from posemill.ingest.register import register_video
from posemill.labelling.labeller import Labeller, open_labeller
from posemill.params.ingest import IngestParams
from posemill.params.label import LabelParams
from posemill.params.snapshot import SnapshotParams
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.settings import Settings
from posemill.stages import ingest, label, snapshot
from posemill.stages.workspace import Workspace
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.store.tracks import read_shards
from posemill.video.encode import VideoWriter

WIDTH, HEIGHT, FPS, FRAMES, AT = 200, 240, 20.0, 40, 22
WRIST, KNEE = COCO_17.index("left_wrist"), COCO_17.index("right_knee")
PARAMS = "label: {backend: openpifpaf, checkpoint: posenet, runtime: eager, threads: 1, long_edge_px: 129}\n"


@pytest.fixture(scope="module", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEMILL_HOME", str(tmp_path_factory.getbasetemp() / "review-home"))
        yield


def standing() -> np.ndarray:
    """Somebody upright, (17, 2) pixels."""
    high = {
        "nose": 20,
        "eye": 16,
        "ear": 18,
        "shoulder": 50,
        "elbow": 85,
        "wrist": 115,
        "hip": 120,
        "knee": 165,
        "ankle": 210,
    }
    xy = np.zeros((17, 2), np.float32)
    for k, name in enumerate(COCO_17.keypoints):
        side = 1 if name.startswith("left") else -1 if name.startswith("right") else 0
        xy[k] = 100 + 18 * side, high[name.split("_")[-1]]
    return xy


def tracks_with_a_fault(medium: str, labeller: str) -> MediumTracks:
    """Two people who sway; person 0's left wrist is far off in one frame."""
    sway = 3 * np.sin(np.arange(FRAMES) / 6)[:, None, None] * np.array([1, 0])
    tracks = []
    for person, left in ((0, 0.0), (1, 60.0)):
        xy = (standing() + sway + np.array([left, 0])).astype(np.float32)
        if person == 0:
            xy[AT, WRIST] += [70, -60]
        frame = np.arange(FRAMES, dtype=np.int32)
        sure = np.full((FRAMES, 17), 0.6, np.float32)
        tracks.append(PoseTrack(COCO_17, person, frame, frame / FPS, xy, sure, np.zeros(FRAMES, np.uint8)))
    return MediumTracks(medium, labeller, COCO_17, WIDTH, HEIGHT, FRAMES, FRAMES / FPS, tuple(tracks))


class Place:
    """A workspace with one labelled video, and the commands."""

    def __init__(self, settings: Settings, engine: Engine, labeller: Labeller, medium: str) -> None:
        self.settings, self.engine, self.labeller, self.medium = settings, engine, labeller, medium

    def ask(self, command, *arguments: object) -> str:
        done = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    def rows(self, *arguments: object) -> list[dict]:
        return [json.loads(line) for line in self.ask(review, *arguments, "--json").splitlines()]


@pytest.fixture
def place(settings: Settings, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("POSEMILL_STORE_URL", settings.store_url)
    (settings.workspace / "params.yaml").write_text(PARAMS)
    video = tmp_path / "v.mp4"
    with VideoWriter(video, FPS, WIDTH, HEIGHT) as writer:
        for level in range(FRAMES):
            writer.write(np.full((HEIGHT, WIDTH, 3), 40 + 4 * level, np.uint8))
    with engine.begin() as connection:
        catalog.add_dataset(connection, "gym", "ann")
        medium = register_video(
            connection,
            MediaStore(settings.store_url),
            video,
            dataset="gym",
            source="v.mp4",
            annotated_by="ann",
            activity="wave",
        )
    section = LabelParams(runtime="eager", threads=1, long_edge_px=129)
    labeller = open_labeller(section, settings)
    digest = medium if isinstance(medium, str) else medium.digest
    labeller.tracks.put(tracks_with_a_fault(digest, labeller.fingerprint))
    return Place(settings, engine, labeller, digest)


def test_the_fault_is_queued_shown_and_dismissed(place: Place, tmp_path: Path) -> None:
    (row,) = place.rows("queue")
    assert (row["medium"], row["person"], row["start_s"], row["end_s"]) == (place.medium, 0, AT / FPS, AT / FPS)
    assert row["reason"] == "keypoint jumps, bone jumps"
    assert place.rows("queue") == [row]
    out = tmp_path / "item.png"
    place.ask(review, "show", row["item"], "--out", out)
    picture = cv2.imread(str(out))
    assert picture is not None
    assert min(picture.shape[:2]) > 100
    assert "1 dismissed" in place.ask(review, "dismiss", row["item"], "--by", "ann")
    assert place.rows("queue") == []
    assert [r["answered_by"] for r in place.rows("list", "--state", "all")] == ["ann"]


def test_what_is_not_labelled_now_stays_queued(place: Place) -> None:
    place.rows("queue")
    (place.settings.workspace / "params.yaml").write_text(PARAMS.replace("129", "161"))
    with pytest.raises(InputError, match="no video is labelled"):
        place.ask(review, "queue")
    assert len(place.rows("list")) == 1


def corrected(folder: Path, form: str, at: tuple[float, float]) -> Path:
    """What an annotator does: person 0's left wrist put at a place, in the frame where it is wrong."""
    if form == "coco":
        path = folder / "keypoints.json"
        content = json.loads(path.read_text())
        image = next(i["id"] for i in content["images"] if i["frame"] == AT)
        (annotation,) = [a for a in content["annotations"] if (a["image_id"], a["track_id"]) == (image, 0)]
        annotation["keypoints"][3 * WRIST : 3 * WRIST + 3] = [*at, 2]
        path.write_text(json.dumps(content))
    elif form == "cvat":
        path = folder / "annotations.xml"
        tree = Xml.parse(path)
        image = next(i for i in tree.getroot().iter("image") if f"-{AT:06d}" in str(i.get("name")))
        (element,) = [s for s in image.iter("skeleton") if s.findtext("attribute") == "0"]
        next(p for p in element.iter("points") if p.get("label") == "left_wrist").set("points", f"{at[0]},{at[1]}")
        tree.write(path)
    else:
        path = folder / "tasks.json"
        tasks = json.loads(path.read_text())
        for task in tasks:
            task["annotations"] = [{"result": task["predictions"][0]["result"], "was_cancelled": False}]
            for region in task["annotations"][0]["result"]:
                if task["data"]["frame"] == AT and region["id"] == "person-0-left_wrist":
                    region["value"] |= {"x": at[0] / WIDTH * 100, "y": at[1] / HEIGHT * 100}
        path.write_text(json.dumps(tasks))
    return path


@pytest.mark.parametrize("form", ["label-studio", "cvat", "coco"])
def test_a_correction_goes_out_and_comes_back(place: Place, form: str, tmp_path: Path) -> None:
    place.rows("queue")
    out = tmp_path / "out"
    done = json.loads(place.ask(review, "export", out, "--format", form, "--json"))
    assert (done["items"], done["frames"], done["people"]) == (1, 1, 2)
    (image,) = (out / "images").iterdir()
    assert cv2.imread(str(image)).mean() == pytest.approx(40 + 4 * AT, abs=4)  # it is that frame
    back = json.loads(place.ask(review, "import", corrected(out, form, (120.0, 117.0)), "--by", "ann", "--json"))
    assert back == {
        "frames": 1,
        "keypoints": 1,
        "corrections_added": 1,
        "corrections_changed": 0,
        "items_done": 1,
        "items_dismissed": 0,
        "clips_labelled": 0,
    }
    (row,) = place.rows("corrections")
    assert (row["person"], row["frame"], row["keypoint"], row["annotated_by"]) == (0, AT, "left_wrist", "ann")
    assert (row["x_px"], row["y_px"]) == pytest.approx((120.0, 117.0), abs=0.05)
    again = json.loads(place.ask(review, "import", corrected(out, form, (120.0, 117.0)), "--json"))
    assert (again["keypoints"], again["corrections_added"]) == (0, 0)
    assert place.rows("queue") == []  # the fault is gone
    other = json.loads(place.ask(review, "import", corrected(out, form, (121.0, 117.0)), "--by", "bob", "--json"))
    assert (other["corrections_added"], other["corrections_changed"]) == (0, 1)
    said = [(r["annotated_by"], r["closed_by"]) for r in place.rows("corrections", "--history")]
    assert said == [("ann", "bob"), ("bob", None)]
    assert "1 ended" in place.ask(review, "undo", place.rows("corrections")[0]["correction"])
    assert len(place.rows("queue")) == 1  # what was found counts again


def test_what_an_annotator_leaves_as_it_is_is_right(place: Place, tmp_path: Path) -> None:
    place.rows("queue")
    place.ask(review, "export", tmp_path, "--format", "cvat")
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:  # as CVAT exports it
        archive.write(tmp_path / "annotations.xml", "annotations.xml")
    back = json.loads(place.ask(review, "import", tmp_path / "task.zip", "--by", "ann", "--json"))
    assert (back["frames"], back["keypoints"], back["items_done"], back["items_dismissed"]) == (1, 0, 0, 1)
    assert place.rows("queue") == place.rows("corrections") == []
    with zipfile.ZipFile(tmp_path / "task.zip", "a") as archive:
        archive.write(tmp_path / "annotations.xml", "other/annotations.xml")
    with pytest.raises(InputError, match="found 2: unpack it"):
        place.ask(review, "import", tmp_path / "task.zip")
    with pytest.raises(InputError, match="nothing is open"):
        place.ask(review, "export", tmp_path, "--format", "cvat")


def test_what_is_not_known_is_named_together_and_nothing_is_taken(place: Place, tmp_path: Path) -> None:
    place.rows("queue")
    place.ask(review, "export", tmp_path, "--format", "coco")
    path = corrected(tmp_path, "coco", (1.0, 2.0))
    content = json.loads(path.read_text())
    image = dict(content["images"][0])
    for number, name in enumerate(
        (
            image["file_name"].replace(place.medium, "f" * 64),
            image["file_name"].replace(f"{AT:06d}", "000900"),
            "x.jpg",
        ),
        100,
    ):
        content["images"].append(image | {"id": number, "file_name": name})
        content["annotations"].append(content["annotations"][0] | {"id": number, "image_id": number})
    content["annotations"].append(content["annotations"][0] | {"id": 200, "track_id": 7})
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as refused:
        place.ask(review, "import", path)
    for word in ("medium ffffffffffff is not known", "frame 900", "'x.jpg'", "no person 7", "nothing was imported"):
        assert word in str(refused.value)
    content["images"], content["annotations"] = content["images"][:1], content["annotations"][:2]
    content["images"][0]["file_name"] = image["file_name"].replace(place.labeller.fingerprint, "otherlabeler")
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="labeller otherlabeler, which the store does not have"):
        place.ask(review, "import", path)
    content["annotations"][0]["keypoints"] = [1, 2]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="is not as expected: ValueError"):
        place.ask(review, "import", path)
    assert place.rows("corrections") == []


def test_what_was_exported_before_the_labeller_changed_is_taken_and_carried_over(place: Place, tmp_path: Path) -> None:
    place.rows("queue")
    place.ask(review, "export", tmp_path, "--format", "coco")
    text = PARAMS.replace("129", "145")
    (place.settings.workspace / "params.yaml").write_text(text)
    other = open_labeller(LabelParams(runtime="eager", threads=1, long_edge_px=145), place.settings)
    there = tracks_with_a_fault(place.medium, other.fingerprint)
    swapped = tuple(replace(t, person=1 - t.person) for t in reversed(there.tracks))
    other.tracks.put(replace(there, tracks=swapped))
    (row,) = place.rows("queue")
    assert row["person"] == 1
    place.ask(review, "import", corrected(tmp_path, "coco", (120.0, 117.0)), "--by", "ann")
    (said,) = place.rows("corrections")
    assert said["person"] == 0  # as the annotator saw it
    assert place.rows("queue") == []  # and the other labeller's tracks are corrected as well


def shards(place: Place) -> tuple[MediumTracks, label.LabelResult, str]:
    """snapshot, ingest and label, as `dvc repro` runs them: the tracks, label's figures and snapshot's digest."""
    workspace = Workspace(place.settings.workspace)
    section = LabelParams(runtime="eager", threads=1, long_edge_px=129)
    for name in ("snapshot", "ingest", "label"):
        workspace.output(name).mkdir(parents=True, exist_ok=True)
    shot = snapshot.run(SnapshotParams(), workspace, workspace.output("snapshot"), place.settings)
    ingest.run(IngestParams(), workspace, workspace.output("ingest"), place.settings)
    done = label.run(section, workspace, workspace.output("label"), place.settings)
    (tracks,) = read_shards(workspace.output("label"))
    return tracks, done, shot.digest


def test_later_stages_get_what_people_said(place: Place, tmp_path: Path) -> None:
    shards(place)  # nobody is in the grey video, and its poses are in the store; then these people are:
    place.labeller.tracks.put(tracks_with_a_fault(place.medium, place.labeller.fingerprint))
    found, before, digest = shards(place)
    assert (before.corrected_keypoints, (found.tracks[0].state == State.CORRECTED).any()) == (0, False)
    place.rows("queue")
    place.ask(review, "export", tmp_path, "--format", "coco")
    path = corrected(tmp_path, "coco", (120.0, 117.0))
    content = json.loads(path.read_text())
    (other,) = [a for a in content["annotations"] if a["track_id"] == 1]
    other["keypoints"][3 * KNEE : 3 * KNEE + 3] = [0, 0, 0]
    path.write_text(json.dumps(content))
    place.ask(review, "import", path)
    said, after, changed = shards(place)
    assert changed != digest
    assert (after.corrected_keypoints, after.corrections_passed_over) == (2, 0)
    first, second = said.tracks
    assert first.xy[AT, WRIST].tolist() == [120, 117]
    assert (first.confidence[AT, WRIST], first.state[AT]) == (1, State.CORRECTED)
    assert np.isnan(second.xy[AT, KNEE]).all()
    assert int((first.state == State.CORRECTED).sum() + (second.state == State.CORRECTED).sum()) == 2
    place.ask(review, "undo", *[row["correction"] for row in place.rows("corrections")])
    assert shards(place)[2] == digest


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("coco", 2),
        ("openpose-body25", FRAMES),
        ("openpose-coco18", FRAMES),
        ("openpifpaf", 1),
        ("pyskl", 1),
        ("csv", 2),
        ("parquet", 2),
    ],
)
def test_tracks_are_exported(place: Place, form: str, files: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = json.loads(place.ask(export, "tracks", "--format", form, "--out", out, "--json"))
    assert done["files"] == files == len([p for p in out.rglob("*") if p.is_file()])
    if form == "coco":
        (came,) = read_coco(out / "keypoints.json")
        np.testing.assert_allclose(came.tracks[0].xy, place.labeller.labelled(place.medium).tracks[0].xy, atol=1e-3)
        assert set(json.loads((out / "results.json").read_text())[0]) == {
            "image_id",
            "category_id",
            "keypoints",
            "score",
        }
    if form == "pyskl":
        content = read_pyskl(out / "coco-17.pkl")
        assert content["classes"] == ["wave"]
        assert content["annotations"][0]["keypoint"].shape == (2, FRAMES, 17, 2)


def test_one_medium_or_clip_is_exported(place: Place, tmp_path: Path) -> None:
    for which, frames in ((place.medium[:10], FRAMES), ("1", FRAMES)):
        place.ask(export, which, "--format", "coco", "--out", tmp_path)
        (came,) = read_coco(tmp_path / "keypoints.json")
        assert len(came.tracks[0]) == frames
    with pytest.raises(InputError, match="no clip 99"):
        place.ask(export, "99", "--format", "coco")
    with pytest.raises(InputError, match="twice"):
        place.ask(export, "1", "tracks", "--format", "coco", "--out", tmp_path)


def test_a_clip_from_number_100000_on_is_exported_and_drawn(place: Place, tmp_path: Path) -> None:
    with place.engine.begin() as connection:
        connection.execute(text("UPDATE clip SET id = 123456, end_s = 0.5 WHERE id = 1"))
    for which in ("123456", "clip:123456"):
        place.ask(export, which, "--format", "coco", "--out", tmp_path)
        (came,) = read_coco(tmp_path / "keypoints.json")
        assert len(came.tracks[0]) == FPS / 2
        assert "person 0: 40 poses" in place.ask(draw, which, "--out", tmp_path / "drawn")
        assert "person 0: 40 poses" in place.ask(tracks, which, "--out", tmp_path / "tracks")


def test_the_stored_tracks_are_drawn(place: Place, tmp_path: Path) -> None:
    said = place.ask(draw, place.medium[:8], "--out", tmp_path / "drawn")
    assert "person 0: 40 poses" in said
    sheet = cv2.imread(str(tmp_path / "drawn" / f"{place.medium[:12]}.png"))
    assert (sheet.std(-1) > 10).any()  # colours on grey
    empty = tmp_path / "v.mp4"
    assert "nobody was found" in place.ask(draw, empty, "--out", tmp_path / "drawn")
    with pytest.raises(InputError, match="no file"):
        place.ask(draw, tmp_path / "other.mp4")
