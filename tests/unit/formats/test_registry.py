"""The registry of formats: by name, by content, one path or a folder of them, and what the documentation says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from made_up_tracks import FPS, assert_same, made_up
from posemill import InputError, PosemillError, read_media, read_tracks, write_tracks
from posemill.formats import registry
from posemill.formats.pyskl import ClipSpan, read_pyskl
from posemill.pose.skeleton import COCO_17, PENN_13

ROOT = Path(__file__).parents[3]
ABOUT = {"width_px": 320, "height_px": 240, "fps": FPS}
NEEDS = {"pyskl": {"fps": FPS}, "openpifpaf": ABOUT, "openpose-body25": ABOUT, "openpose-coco18": ABOUT}


@pytest.mark.parametrize("name", registry.writable())
def test_what_is_written_is_recognized_and_read(name: str, tmp_path: Path) -> None:
    tracks = made_up(7, people=2, frames=10, states=1)
    path = tmp_path / f"x{'.pkl' if name == 'pyskl' else '.json'}"
    files = write_tracks(tracks, path, name)
    assert files == sum(file.is_file() for file in tmp_path.rglob("*"))
    assert registry.recognize(path).name == ("openpose" if name.startswith("openpose") else name)
    options = NEEDS.get(name, {})
    for format in (name, None):
        came = read_tracks(path, format, **options)
        assert [t.person for t in came.tracks] == [0, 1]
        if not name.startswith("openpose"):
            assert_same(replace(came, medium=tracks.medium), tracks, states=False, xy=6e-3, sure=6e-3)


@pytest.mark.parametrize("name", registry.writable())
def test_an_export_is_as_many_files_as_the_format_needs(name: str, tmp_path: Path) -> None:
    media = [made_up(1), made_up(2), made_up(3, points=PENN_13)]
    media = [replace(tracks, medium=f"{n:016x}" * 4) for n, tracks in enumerate(media)]
    files = registry.export_tracks(media, tmp_path, name, visible_from=0.5, clips={})
    assert files == sum(file.is_file() for file in tmp_path.rglob("*"))
    top = sorted(path.name for path in tmp_path.iterdir())
    sixteen = [tracks.medium[:16] for tracks in media]
    assert (
        top
        == {
            "coco": ["keypoints.json", "results.json"],
            "pyskl": ["coco-17.pkl", "penn-13.pkl"],
            "openpifpaf": [f"{medium}.openpifpaf.json" for medium in sixteen],
            "openpose-body25": sixteen,
            "openpose-coco18": sixteen,
            "csv": ["media.csv", "tracks-coco-17.csv", "tracks-penn-13.csv"],
            "parquet": ["media.parquet", "tracks-coco-17.parquet", "tracks-penn-13.parquet"],
        }[name]
    )


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown format 'c3d'; known are coco, csv, cvat"):
        read_tracks(tmp_path, "c3d")
    with pytest.raises(InputError, match="write openpose-body25 or openpose-coco18"):
        write_tracks(made_up(1), tmp_path, "openpose")
    with pytest.raises(InputError, match="posemill review"):
        read_tracks(tmp_path, "cvat")


def test_what_is_not_recognized_lists_the_formats(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1, 2]")
    for path in (tmp_path, tmp_path / "a.json"):
        with pytest.raises(InputError, match=r"is not recognized: say which format it is, one of coco, csv"):
            read_tracks(path)
    write_tracks(made_up(1), tmp_path, "csv")
    write_tracks(made_up(1), tmp_path, "parquet")
    with pytest.raises(InputError, match="fits several formats: say which format it is, one of csv, parquet"):
        read_tracks(tmp_path)
    with pytest.raises(InputError, match="there is no"):
        read_tracks(tmp_path / "nothing")


def test_options_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_tracks(made_up(1), path, "openpifpaf")
    with pytest.raises(InputError, match="does not hold height_px, fps: give it as an option"):
        read_tracks(path, width_px=320)
    with pytest.raises(InputError, match="format openpifpaf has no option rate; it has width_px, height_px, fps"):
        read_tracks(path, **ABOUT, rate=25)
    with pytest.raises(InputError, match="format csv has no option visible_from; it has none"):
        write_tracks(made_up(1), tmp_path, "csv", visible_from=0.3)


def test_one_medium_or_several(tmp_path: Path) -> None:
    media = [made_up(1), made_up(2)]
    write_tracks(media, tmp_path / "x.json", "coco")
    assert [t.medium for t in read_media(tmp_path / "x.json")] == [t.medium for t in media]
    with pytest.raises(InputError, match="has the tracks of 2 media, expected one"):
        read_tracks(tmp_path / "x.json")
    with pytest.raises(InputError, match="holds one medium a path, came 2"):
        write_tracks(media, tmp_path / "y.json", "openpifpaf")
    with pytest.raises(InputError, match="holds one skeleton a file, came coco-17, penn-13"):
        write_tracks([made_up(1), made_up(2, points=PENN_13)], tmp_path / "y.pkl", "pyskl")


def test_openpose_reads_one_file_too(tmp_path: Path) -> None:
    (tmp_path / "pose.json").write_text(
        '{"version": 1.3, "people": [{"pose_keypoints_2d": [' + ", ".join(["10, 20, 0.5"] * 25) + "]}]}"
    )
    (track,) = read_tracks(tmp_path / "pose.json", **ABOUT).tracks
    assert track.frame.tolist() == [0]
    (tmp_path / "pose.json").write_text('{"people": [{}]}')
    with pytest.raises(InputError, match="is not a frame of OpenPose"):
        read_tracks(tmp_path / "pose.json", **ABOUT)


def test_pyskl_has_clips_and_wants_to_know_the_skeleton(tmp_path: Path) -> None:
    tracks = made_up(1, points=PENN_13, frames=50)
    clips = {tracks.medium: [ClipSpan("a", 0, 1, "wave", "train"), ClipSpan("b", 1, 2, None, None)]}
    path = tmp_path / "x.pkl"
    write_tracks(tracks, path, "pyskl", clips=clips)
    assert [a["frame_dir"] for a in read_pyskl(path)["annotations"]] == ["a", "b"]
    with pytest.raises(InputError, match="has 13 keypoints and does not say of which skeleton: give it, such as penn"):
        read_media(path)
    assert len(read_media(path, skeleton="penn-13")) == len(read_media(path, skeleton=PENN_13)) == 2
    with pytest.raises(InputError, match="expected keypoint"):
        read_media(path, skeleton=COCO_17)


def test_a_format_is_one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A module that declares FORMATS is all that a new format needs."""
    (tmp_path / "walk.py").write_text(
        "from posemill.formats.entry import Format\n"
        "def write(path, media):\n"
        "    path.write_text(str(len(media)))\n"
        "    return 1\n"
        "FORMATS = (Format('walk', 'a file', '-', 'no', 'no', 'no', write=write, export_name='n.walk'),)\n"
    )
    monkeypatch.setattr(registry.formats, "__path__", [*registry.formats.__path__, str(tmp_path)])
    registry.known_formats.cache_clear()
    try:
        assert "walk" in registry.writable()
        assert write_tracks(made_up(1), tmp_path / "w", "walk") == 1
        assert "`walk`" in registry.markdown_table()
        (tmp_path / "walker.py").write_text((tmp_path / "walk.py").read_text())
        registry.known_formats.cache_clear()
        with pytest.raises(PosemillError, match=r"'walk' is registered twice, the second time in walker\.py"):
            registry.known_formats()
    finally:
        registry.known_formats.cache_clear()


def test_the_documentation_has_the_table() -> None:
    assert registry.markdown_table() in (ROOT / "docs" / "howto" / "formats.md").read_text()


def test_tracks_know_their_rate_and_frames() -> None:
    tracks = made_up(1, people=1, frames=20)
    assert tracks.fps == pytest.approx(FPS)
    assert tracks.frame_numbers.tolist() == list(range(20))
    assert replace(tracks, tracks=()).fps == 25
    assert np.isclose(replace(tracks, tracks=()).fps * tracks.duration_s, 20)
