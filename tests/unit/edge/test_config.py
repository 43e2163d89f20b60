"""Configuration: every fault is told with its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from posemill.edge.config import config_of, load_config
from posemill.errors import InputError


def test_a_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "p")
    monkeypatch.setenv("HOOK_KEY", "k")
    path = tmp_path / "cameras.toml"
    path.write_text(
        """
        threads = 1
        [http]
        port = 0
        [[source]]
        name = "door"
        url = "rtsp://ann:secret@camera.local/live"
        pose_rate_hz = 8
        [[source.zone]]
        name = "bed"
        polygon = [[0, 0], [1, 0], [1, 1]]
        [mqtt]
        host = "broker.local"
        user = "edge"
        password_env = "BROKER_PASSWORD"
        [[webhook]]
        name = "home"
        url = "https://home.local/events"
        secret_env = "HOOK_KEY"
        kinds = ["began"]
        """
    )
    config = load_config(path)
    (source,) = config.source
    assert (source.live, source.pose_rate_hz, source.zone[0].polygon[1]) == (True, 8.0, (1.0, 0.0))
    assert config.webhook[0].kinds == ("began",)
    assert config.mqtt is not None
    assert config.mqtt.host == "broker.local"


def test_the_documented_file_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from posemill.edge import config

    monkeypatch.setenv("BROKER_PASSWORD", "p")
    monkeypatch.setenv("HOOK_KEY", "k")
    documented = (config.__doc__ or "").split("command line.", 1)[1]
    path = tmp_path / "cameras.toml"
    path.write_text(documented)
    assert load_config(path).activity == config.ActivityConfig()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "source is missing"),
        ("[[source]]\nname = 'a'", r"source\[0\].url is missing"),
        ("[[source]]\nurl = 'rtsp://a'\nspeed = 1", r"unknown key source\[0\].speed; known are url, name"),
        ("threads = 'two'\n[[source]]\nurl = 'rtsp://a'", "threads should be int, came 'two'"),
        ("threads = 0\n[[source]]\nurl = 'rtsp://a'", "threads should be above 0"),
        ("[[source]]\nurl = 'none.mp4'", "neither a camera's number, a URL nor a file"),
        ("[[source]]\nurl = 'rtsp://a'\n[[source]]\nurl = 'rtsp://a'", "two sources are named"),
        ("[[source]]\nurl='rtsp://a'\n[[source.zone]]\nname='z'\npolygon=[[0,0],[2,0]]", "three corners or more"),
        ("[[source]]\nurl='rtsp://a'\n[[source.zone]]\nname='z'\npolygon=[[0,0,1]]", "should be a list of 2"),
        ("[[source]]\nurl='rtsp://a'\n[[webhook]]\nname='h'\nurl='home'", "http:// or https://"),
        (
            "[[source]]\nurl='rtsp://a'\n[[webhook]]\nname='h'\nurl='http://a'\nsecret_env='NOT_SET'",
            "NOT_SET is not set",
        ),
        ("source = 3", "source should be a list"),
        ("a = = 2", "is no TOML"),
    ],
)
def test_faults(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        load_config(path)


def test_all_faults_at_once(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("health_s = 0\n[camera]\nfrozen_s = 0\n[[source]]\nurl='rtsp://a'")
    with pytest.raises(InputError, match=r"health_s should be above 0.*camera.frozen_s should be above 0"):
        load_config(path)
    with pytest.raises(InputError, match="there is no file"):
        load_config(tmp_path / "none.toml")


def test_names_of_sources_hold_no_secret() -> None:
    assert config_of(["0", "rtsp://ann:secret@host/live?token=x"]).source[1].name == "rtsp-host-live"
