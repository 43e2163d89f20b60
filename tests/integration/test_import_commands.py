"""`posemill import` into a real database: sound sequences go in, the others are set aside or refuse the whole."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat
from sqlalchemy import Engine

from live_models import golden_tracks, random_model
from packaged import CLASSES, SPEC
from posemill.cli.imports import import_
from posemill.errors import InputError
from posemill.features import FeaturePipeline
from posemill.params.ingest import IngestParams
from posemill.pose.skeleton import BODY_12
from posemill.prediction.model import ActivityModel
from posemill.settings import Settings
from posemill.stages import ingest
from posemill.stages.workspace import Workspace
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.store.track_file import read_medium
from taught_files import example, written


@pytest.fixture
def ask(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """Run `posemill import` as a person would; returns what it said as JSON."""
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("POSEMILL_STORE_URL", settings.store_url)

    def run(*arguments: object) -> dict[str, Any]:
        words = [str(a) for a in arguments]
        done = CliRunner().invoke(import_, [*words, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


def annotation(name: str, label: int, seed: int, frames: int = 6, **changes: Any) -> dict[str, Any]:
    keypoint = np.random.default_rng(seed).uniform(1, 200, (1, frames, 17, 2)).astype(np.float32)
    score = np.ones((1, frames, 17), np.float32)
    own = {
        "frame_dir": name,
        "total_frames": frames,
        "img_shape": (240, 320),
        "label": label,
        "keypoint": keypoint,
        "keypoint_score": score,
    }
    return own | changes


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """Two sound annotations and one of every fault."""
    rows = [
        annotation("P1-good", 0, 1),
        annotation("P2-good", 1, 2),
        annotation("P3-short", 0, 3, frames=1),
        annotation("P4-empty", 0, 4, keypoint=np.zeros((1, 6, 17, 2)), keypoint_score=np.zeros((1, 6, 17))),
        annotation("P5-shape", 0, 5, keypoint=np.ones((6, 17))),
        annotation("P6-class", 9, 6),
        annotation("P7-again", 0, 1),
        annotation("P2-crossing", 0, 8),
    ]
    split = {"train": [r["frame_dir"] for r in rows if r["frame_dir"] != "P2-good"], "test": ["P2-good"]}
    (tmp_path / "set.pkl").write_bytes(pickle.dumps({"annotations": rows, "split": split}))
    (tmp_path / "classes.txt").write_text("wave\nsquat\n")
    return tmp_path / "set.pkl"


def told(path: Path) -> tuple[object, ...]:
    return "pyskl", path, "--classes", path.parent / "classes.txt", "--subject", "(P.)"


def ingested(settings: Settings, engine: Engine) -> list[str]:
    """The sources of the media that the ingest stage goes on with."""
    workspace = Workspace(settings.workspace)
    snapshot = workspace.output("snapshot")
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "snapshot.json").write_text(json.dumps({"selected": ["set"]}))
    ingest.run(IngestParams(threads=1), workspace, workspace.output("ingest"), settings)
    import polars as pl

    return pl.read_parquet(workspace.output("ingest") / "media.parquet")["source"].to_list()


def test_faulty_sequences_are_set_aside_and_told_together(ask, bad: Path, settings: Settings, engine: Engine) -> None:
    for times, added in enumerate((2 + 4, 0)):  # the sound ones, and those that can be released
        done = ask(*told(bad))
        assert (done["sequences"], done["media_added"]) == (2, added), times
        faults = {sentence.split(":")[0]: sentence for sentence in done["faults"]}
        assert set(faults) == {"P3-short", "P4-empty", "P5-shape", "P6-class", "P7-again", "P2-crossing"}
    assert "1 frame" in faults["P3-short"]
    assert "same content as P1-good" in faults["P7-again"]
    assert "P2-good is a test" in faults["P2-crossing"]
    with engine.connect() as connection:
        aside = {row["source"]: row for row in catalog.open_quarantine(connection, ["ingest"])}
        clips = {row["source"]: row for row in catalog.clips(connection, ["set"])}
    assert set(aside) == set(faults)
    assert aside["P6-class"]["medium"] is None
    good = clips["P1-good"]
    assert (good["activity"], good["subject"], good["split"], good["annotated_by"] != "") == (
        "wave",
        "set/P1",
        "train",
        True,
    )
    assert sorted(ingested(settings, engine)) == ["P1-good", "P2-good"]
    (track,) = read_medium(MediaStore(settings.store_url).fetch(good["medium"])).tracks
    np.testing.assert_array_equal(track.xy, annotation("", 0, 1)["keypoint"][0])


def test_refuse_takes_nothing_and_says_everything(ask, bad: Path, engine: Engine) -> None:
    with pytest.raises(InputError, match=r"6 of 8 sequences .* nothing was imported") as refused:
        ask(*told(bad), "--faulty", "refuse")
    for name in ("P3-short", "P4-empty", "P5-shape", "P6-class", "P7-again", "P2-crossing"):
        assert f"\n- {name}" in str(refused.value)
    with engine.connect() as connection:
        assert catalog.media(connection) == []
        assert catalog.open_quarantine(connection) == []


def test_what_was_put_right_is_taken_in(ask, bad: Path, settings: Settings, engine: Engine) -> None:
    ask(*told(bad))
    content = pickle.loads(bad.read_bytes())
    rows = {row["frame_dir"]: row for row in content["annotations"]}
    rows["P6-class"]["label"] = 1
    content["split"] = {"train": [n for n in rows if not n.startswith("P2")], "test": ["P2-good", "P2-crossing"]}
    bad.write_bytes(pickle.dumps(content))
    done = ask(*told(bad))
    assert {sentence.split(":")[0] for sentence in done["faults"]} == {"P3-short", "P4-empty", "P5-shape", "P7-again"}
    assert sorted(ingested(settings, engine)) == ["P1-good", "P2-crossing", "P2-good", "P6-class"]


def test_nothing_sound_is_an_error(ask, tmp_path: Path) -> None:
    (tmp_path / "set.pkl").write_bytes(pickle.dumps({"annotations": [annotation("a", 5, 1)], "classes": ["x"]}))
    with pytest.raises(InputError, match=r"none of 1 sequences .* is sound:\n- a: unknown class 5"):
        ask("pyskl", tmp_path / "set.pkl")


def test_jhmdb_and_ntu_and_tables_and_coco_come_in(ask, tmp_path: Path, engine: Engine) -> None:
    place = tmp_path / "J" / "joint_positions" / "sit" / "X_sit_0"
    place.mkdir(parents=True)
    stream = io.BytesIO()
    savemat(stream, {"pos_img": np.random.default_rng(0).uniform(0, 200, (2, 15, 4))})
    (place / "joint_positions.mat").write_bytes(stream.getvalue())
    (tmp_path / "J" / "splits").mkdir()
    (tmp_path / "J" / "splits" / "sit_test_split2.txt").write_text("X_sit_0.avi 2\n")
    assert ask("jhmdb", tmp_path / "J", "--split", 2)["frames"] == 4
    (tmp_path / "N").mkdir()
    joint = "0.1 0.2 3 100 120 400 500 0 0 0 0 2\n"
    frame = "1\n72 0 1 1 1 1 0 0 0 2\n25\n" + joint * 25
    (tmp_path / "N" / "S001C001P001R001A007.skeleton").write_text("3\n" + frame * 3)
    assert ask("ntu", tmp_path / "N", "--picture", "virtual", "--yaw", 10, "--size", "640x480")["sequences"] == 1
    header = ",".join(f"{k}_x,{k}_y" for k in ("head", *_body()))
    rows = "\n".join(f"m,{t}," + ",".join([str(10 + t)] * 26) for t in range(3))
    (tmp_path / "t.csv").write_text(f"medium,frame,{header}\n{rows}\n")
    assert ask("table", tmp_path / "t.csv", "--size", "100x80", "--fps", 10)["frames"] == 3
    content = {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 9, "height": 9}],
        "annotations": [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2] * 13}],
        "categories": [{"id": 1, "keypoints": ["head", *_body()]}],
    }
    (tmp_path / "k.json").write_text(json.dumps(content))
    assert ask("coco", tmp_path / "k.json")["media_added"] == 1
    with engine.connect() as connection:
        clips = {row["dataset"]: row for row in catalog.clips(connection)}
    said = {name: (row["activity"], row["subject"], row["split"], row["camera"]) for name, row in clips.items()}
    assert said == {
        "jhmdb": ("sit", "jhmdb/sit/X", "test", None),
        "ntu-rgbd": ("A007", "ntu-rgbd/P001", "train", "C001"),
        "t": (None, "t/m", None, None),
        "coco": (None, "coco/1.jpg", None, None),
    }
    with pytest.raises(InputError, match="width x height"):
        ask("table", tmp_path / "t.csv", "--size", "100")


def _body() -> list[str]:
    from posemill.pose.skeleton import BODY_12

    return list(BODY_12.keypoints)


def test_videos_by_class(ask, tmp_path: Path, engine: Engine) -> None:
    root = tmp_path / "films"
    contents = {"train/wave/g1_a.mp4": "1", "train/squat/g2_a.mp4": "2", "test/wave/g3_a.mp4": "3"}
    faulty = {
        "train/fly/g4_a.mp4": "4",
        "train/wave/g5_b.mp4": "2",
        "train/squat/g3_b.mp4": "6",
        "test/wave/g6.mp4": "",
    }
    for name, content in (contents | faulty).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    (tmp_path / "classes.txt").write_text("wave\nsquat\n")
    how = ("videos", root, "--classes", tmp_path / "classes.txt", "--subject", r"/(g\d)")
    with pytest.raises(InputError, match="4 of 7 videos are faulty, so nothing was imported"):
        ask(*how, "--faulty", "refuse")
    done = ask(*how)
    assert (done["files"], done["media_added"], done["clips_added"], len(done["faults"])) == (3, 3, 3, 4)
    words = {"fly": "unknown class", "g5_b": "same content", "g3_b": "both sides of the split", "g6": "it is empty"}
    for name, reason in words.items():
        assert any(name in fault and reason in fault for fault in done["faults"]), name
    with engine.connect() as connection:
        clips = catalog.clips(connection, ["films"])
        aside = {row["source"] for row in catalog.open_quarantine(connection)}
    said = {row["source"]: (row["activity"], row["subject"], row["split"]) for row in clips}
    assert said == {
        "films/train/wave/g1_a.mp4": ("wave", "films/g1", "train"),
        "films/train/squat/g2_a.mp4": ("squat", "films/g2", "train"),
        "films/test/wave/g3_a.mp4": ("wave", "films/g3", "test"),
    }
    assert aside == {f"films/{name}" for name in faulty}


def test_of_two_of_one_name_the_first_comes_in(ask, tmp_path: Path, engine: Engine) -> None:
    rows = [annotation("v1", 0, 1), annotation("v1", 1, 2), annotation("v2", 0, 3), annotation("v1", 0, 4)]
    (tmp_path / "set.pkl").write_bytes(pickle.dumps({"annotations": rows, "split": {}}))
    (tmp_path / "classes.txt").write_bytes("wave\r\nsquat\r\n".encode("utf-8-sig"))
    command = ("pyskl", tmp_path / "set.pkl", "--classes", tmp_path / "classes.txt")
    for added in (2, 0):  # the same again changes nothing
        done = ask(*command)
        assert (done["sequences"], done["media_added"]) == (2, added)
        assert [fault.split(":")[0] for fault in done["faults"]] == ["v1 #2", "v1 #3"]
    with engine.connect() as connection:
        clips = catalog.clips(connection)
        assert {(c["source"], c["activity"]) for c in clips} == {("v1", "wave"), ("v2", "wave")}
        quarantined = {row["source"] for row in catalog.open_quarantine(connection)}
        assert quarantined == {"v1 #2", "v1 #3"}
    with pytest.raises(InputError, match="2 of 4 sequences"):
        ask(*command, "--faulty", "refuse")


def test_openpose_and_the_cross_view_protocol(ask, tmp_path: Path, engine: Engine) -> None:
    rng = np.random.default_rng(0)
    for clip in ("wave", "squat"):
        folder = tmp_path / "own" / clip / f"{clip}1"
        folder.mkdir(parents=True)
        for frame in range(4):
            keypoints = np.concatenate([rng.uniform(50, 150, (25, 2)), np.ones((25, 1))], -1).reshape(-1).tolist()
            content = {"people": [{"person_id": [-1], "pose_keypoints_2d": keypoints}]}
            (folder / f"{clip}1_{frame:012d}_keypoints.json").write_text(json.dumps(content))
    done = ask("openpose", tmp_path / "own", "--size", "320x240", "--fps", "25", "--activity-from-folder")
    assert (done["sequences"], done["frames"], done["faults"]) == (2, 8, [])
    with engine.connect() as connection:
        assert {(c["source"], c["activity"]) for c in catalog.clips(connection, ["own"])} == {
            ("wave/wave1", "wave"),
            ("squat/squat1", "squat"),
        }

    names = [f"S001C00{camera}P00{person}R001A001" for camera in (1, 2) for person in (1, 2)]
    split = {"xview_train": names[2:], "xview_val": names[:2], "xsub_train": names[::2], "xsub_val": names[1::2]}
    rows = [annotation(name, 0, seed) for seed, name in enumerate(names, 20)]
    (tmp_path / "ntu.pkl").write_bytes(pickle.dumps({"annotations": rows, "split": split}))
    (tmp_path / "classes.txt").write_text("drink\n")
    command = ("pyskl", tmp_path / "ntu.pkl", "--classes", tmp_path / "classes.txt", "--split")
    assert ask(*command, "xview")["sequences"] == 4  # everybody is on both sides, as the protocol has it
    with pytest.raises(InputError, match="is on both sides of the split"):
        ask(*command, "xview", "--split-by", "subject", "--dataset", "other", "--faulty", "refuse")


@pytest.mark.material
def test_one_name_twice_in_the_cases(ask, cases: Path) -> None:
    folder = cases / "06-same-name-twice-both-lost"
    done = ask("pyskl", folder / "twice.pkl", "--classes", folder / "classes.txt", "--split", "none")
    assert (done["sequences"], len(done["faults"])) == (3, 1)
    assert done["faults"][0].startswith("v1 #2: there is another one of the name v1")
    done = ask("coco", folder / "coco_same_name.json")
    assert (done["sequences"], len(done["faults"])) == (2, 1)
    assert done["faults"][0].startswith("frame_000001.jpg #2")


@pytest.mark.material
def test_pixels_with_a_confidence_are_refused_whole(ask, cases: Path) -> None:
    folder = cases / "09-pyskl-x-y-score-taken-for-metres"
    with pytest.raises(InputError, match="x and y are pixels"):
        ask("pyskl", folder / "xyc.pkl", "--classes", folder / "classes.txt", "--split", "none")


def test_what_was_taught_in_the_live_page(ask: Any, engine: Engine, tmp_path: Path) -> None:
    features = FeaturePipeline(BODY_12, SPEC)
    features = features.fit(np.concatenate([features.windows(g.track)[0] for g in golden_tracks()]))
    model = random_model(features, 3)
    examples = [example(0), example(1), example(2, xy=[1.0])]
    file = written(tmp_path / "yard.json", examples, model=model.model_dump(), classes=list(CLASSES))
    first = ask("taught", file, "--model", tmp_path / "package")
    assert (first["sequences"], first["media_added"], first["clips_added"]) == (2, 2, 2)
    assert len(first["faults"]) == 1
    assert ask("taught", file)["media_added"] == 0  # the same again changes nothing
    with engine.connect() as connection:
        rows = {(row["activity"], row["subject"]) for row in catalog.clips(connection)}
    assert {("rest", "yard/person 0"), ("squat", "yard/person 1")} <= rows
    assert ActivityModel.load(tmp_path / "package").classes == CLASSES
    with pytest.raises(InputError, match="no model: press Train"):
        ask("taught", written(tmp_path / "bare.json", [example(5)]), "--model", tmp_path / "other")
