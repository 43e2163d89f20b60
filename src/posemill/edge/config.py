"""Configuration of the edge runtime: a TOML file, or defaults for sources named on the command line.

state = "/var/lib/posemill-edge"     # spool and open events; default: $STATE_DIRECTORY or ~/.local/state
threads = 2                          # processor cores
keypoints_only = false               # true: no picture leaves the runtime, previews show keypoints on black

[http]                               # health, /metrics, preview and the page for zones, on 127.0.0.1
port = 8090                          # 0: off
preview = false

[activity]
confirm = 2                          # predictions in a row before an activity begins or ends
held_s = 30.0                        # an activity that lasts is reported again every so often

[camera]
timeout_s = 4.0                      # without a frame a source is lost, and opened again
frozen_s = 10.0
covered_s = 3.0
turned_s = 5.0

[[source]]
name = "door"
url = "rtsp://camera.local/live"     # or a camera's number, or a file
pose_rate_hz = 8.0
realtime = false                     # a file at its own speed, frames dropped as a camera's are

[[source.zone]]
name = "bed"
polygon = [[0.1, 0.5], [0.4, 0.5], [0.4, 0.9], [0.1, 0.9]]    # shares of width and height

[mqtt]
host = "broker.local"
prefix = "posemill"
user = "edge"
password_env = "BROKER_PASSWORD"     # secrets are in the environment, never here

[[webhook]]
name = "home"
url = "https://home.local/events"
secret_env = "HOOK_KEY"
kinds = ["began", "ended", "entered", "left", "lost"]    # default: all but health
"""

from __future__ import annotations

import os
import re
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from posemill.delivery.secret import secret
from posemill.errors import InputError
from posemill.pose.polygon import Corner
from posemill.text_file import read_text
from posemill.video.camera import is_live, redacted_source

_NAME = re.compile(r"[\w-]{1,60}")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class ZoneConfig:
    """A zone of a source's picture; corners are shares 0..1 of its width and height."""

    name: str
    polygon: tuple[Corner, ...]


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """A camera, stream or file."""

    url: str
    name: str = ""
    pose_rate_hz: float = 10.0
    realtime: bool = False
    zone: tuple[ZoneConfig, ...] = ()

    @property
    def live(self) -> bool:
        """True for a camera or a stream: frames that come too quickly are dropped, and it is opened again."""
        return is_live(self.url)


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """The page on loopback; port 0 = off."""

    port: int = 8090
    preview: bool = False


@dataclass(frozen=True, slots=True)
class ActivityConfig:
    """Confirmation of activities, and how often a lasting one is reported."""

    confirm: int = 2
    held_s: float = 30.0


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """After how long a fault of a camera is reported."""

    timeout_s: float = 4.0
    frozen_s: float = 10.0
    covered_s: float = 3.0
    turned_s: float = 5.0


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """An MQTT broker."""

    host: str
    port: int = 1883
    prefix: str = "posemill"
    tls: bool = False
    user: str | None = None
    password_env: str | None = None
    client_id: str = "posemill-edge"
    keepalive_s: int = 15


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """A receiver of signed posts; kinds None = all but health."""

    name: str
    url: str
    secret_env: str | None = None
    kinds: tuple[str, ...] | None = None
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """The whole configuration; the module's docstring describes it."""

    source: tuple[SourceConfig, ...]
    state: str = ""
    threads: int = 2
    keypoints_only: bool = False
    poses: bool = False
    health_s: float = 60.0
    patience_s: float = 10.0
    http: HttpConfig = field(default_factory=HttpConfig)
    activity: ActivityConfig = field(default_factory=ActivityConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    mqtt: MqttConfig | None = None
    webhook: tuple[WebhookConfig, ...] = ()

    @property
    def state_folder(self) -> Path:
        """Folder of the spool and of what is open, which outlive the process."""
        if self.state:
            return Path(self.state)
        given = os.environ.get("STATE_DIRECTORY")  # systemd's
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return Path(given) if given else base / "posemill-edge"


def load_config(path: Path) -> EdgeConfig:
    """Read a TOML file. Errors: InputError that names every fault with its key."""
    try:
        content = tomllib.loads(read_text(path))
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except tomllib.TOMLDecodeError as exc:
        raise InputError(f"{path} is no TOML: {exc}") from exc
    return parse(content, str(path))


def config_of(sources: Sequence[str], **settings: Any) -> EdgeConfig:
    """Return the configuration for sources alone: numbers of cameras, URLs or files."""
    return parse({"source": [{"url": url} for url in sources], **settings}, "the command line")


def parse(content: Mapping[str, Any], where: str) -> EdgeConfig:
    """Check plain values. Errors: InputError that names every fault with its key."""
    faults: list[str] = []
    config = _section(EdgeConfig, content, "", faults)
    if config is not None and not faults:
        config = _with_names(config)
        faults += _unfit(config)
    if faults or config is None:
        raise InputError(f"{where}: {'; '.join(faults)}")
    for name, receiver in [("mqtt", config.mqtt), *((f"webhook {hook.name}", hook) for hook in config.webhook)]:
        for key in ("secret_env", "password_env"):
            secret(getattr(receiver, key, None), name)
    return config


def _with_names(config: EdgeConfig) -> EdgeConfig:
    return replace(config, source=tuple(s if s.name else replace(s, name=_name_of(s.url)) for s in config.source))


def _name_of(url: str) -> str:
    return re.sub(r"[^\w-]+", "-", redacted_source(url)).strip("-")[:60] or "source"


def _unfit(config: EdgeConfig) -> list[str]:
    """Values of the right type that make no sense."""
    positive = {
        "threads": config.threads,
        "health_s": config.health_s,
        "activity.confirm": config.activity.confirm,
        "activity.held_s": config.activity.held_s,
        **{f"camera.{f.name}": getattr(config.camera, f.name) for f in fields(CameraConfig)},
        **{f"source {s.name}: pose_rate_hz": s.pose_rate_hz for s in config.source},
    }
    faults = [f"{key} should be above 0, came {value}" for key, value in positive.items() if not value > 0]
    names = [s.name for s in config.source] + ["runtime"]
    faults += [] if config.source else ["no [[source]]: name at least one camera, stream or file"]
    faults += [f"two sources are named {n}: give each a name" for n in {n for n in names if names.count(n) > 1}]
    every = [*names, *(h.name for h in config.webhook), *(z.name for s in config.source for z in s.zone)]
    faults += [f"name {n!r} should be 1 to 60 letters, digits, _ or -" for n in every if not _NAME.fullmatch(n)]
    hooks = [*(h.name for h in config.webhook), "mqtt"]
    faults += [f"webhook {n} is there twice, or has the name of another receiver" for n in hooks if hooks.count(n) > 1]
    odd = [h.name for h in config.webhook if not h.url.startswith(("http://", "https://"))]
    faults += [f"webhook {name}: url should begin with http:// or https://" for name in odd]
    for source in config.source:
        if not source.live and not Path(source.url).is_file():
            faults.append(f"source {source.url} is neither a camera's number, a URL nor a file")
        for zone in source.zone:
            if len(zone.polygon) < 3 or any(not 0 <= v <= 1 for corner in zone.polygon for v in corner):
                faults.append(f"zone {zone.name}: polygon should be three corners or more, of shares 0..1")
    if not 0 <= config.http.port < 65536:
        faults.append(f"http.port should be 0 (off) to 65535, came {config.http.port}")
    return faults


def _section(kind: type[S], given: Any, key: str, faults: list[str]) -> S | None:
    """Build a dataclass from a mapping; faults are collected, with their keys."""
    if not isinstance(given, Mapping):
        faults.append(f"{key or 'the file'} should be a table, came {given!r}")
        return None
    known: dict[str, Field[Any]] = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            faults.append(f"unknown key {_join(key, name)}; known are {', '.join(known)}")
    hints = get_type_hints(kind)
    before = len(faults)
    values = {n: _value(hints[n], v, _join(key, n), faults) for n, v in given.items() if n in known}
    for name, each in known.items():
        if each.default is MISSING and each.default_factory is MISSING and name not in given:
            faults.append(f"{_join(key, name)} is missing")
    return kind(**values) if len(faults) == before else None


def _value(hint: Any, given: Any, key: str, faults: list[str]) -> Any:
    """Check a value against a type hint of this file: scalars, None, tuples, and dataclasses."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        kinds = [k for k in get_args(hint) if k is not type(None)]
        return _value(kinds[0], given, key, faults)
    if origin is tuple:
        inner = get_args(hint)
        if not isinstance(given, list) or (Ellipsis not in inner and len(given) != len(inner)):
            faults.append(f"{key} should be a list{'' if Ellipsis in inner else f' of {len(inner)}'}, came {given!r}")
            return ()
        hints = [inner[0]] * len(given) if Ellipsis in inner else inner
        return tuple(_value(h, v, f"{key}[{n}]", faults) for n, (h, v) in enumerate(zip(hints, given, strict=True)))
    if hasattr(hint, "__dataclass_fields__"):
        return _section(hint, given, key, faults)
    if hint is float and isinstance(given, int) and not isinstance(given, bool):
        return float(given)
    if not isinstance(given, hint) or (hint is int and isinstance(given, bool)):
        faults.append(f"{key} should be {hint.__name__}, came {given!r}")
    return given


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
