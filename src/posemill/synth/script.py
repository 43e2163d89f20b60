"""Keyframed motion: poses at times, interpolated smoothly, with a gait wherever the body walks.

Between keyframes every channel follows a monotone cubic (Fritsch and Carlson, 1980), so it never overshoots a pose. A
hard keyframe is reached at speed and stops at once: a body that reaches the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from posemill.synth.motion import LIMBS, SIDES, TRUNK, FallMoments, Ground, Motion
from posemill.synth.rotation import Floats

Pose = Mapping[str, float]
Overlay = Callable[[Floats], Mapping[str, "Floats | float"]]

_LIMBS = tuple(f"{side}_{limb}" for side in SIDES for limb in LIMBS)
_BODY = (*TRUNK, *_LIMBS)
GROUND = ("x_m", "z_m", "heading", "pelvis_m", "pinned", "hands", "spin", "restless", "gait")
COLUMNS = (*_BODY, *GROUND)
_AT = {name: number for number, name in enumerate(COLUMNS)}
_MIRRORED = ("roll", "spine_side", "spine_twist", "head_turn", "head_tilt")
_CYCLE_M = 4 * 0.86  # metres a gait cycle for a stride of 90 degrees, as in activities.walk
_FADE_S = 0.3


class Script:
    """A sequence of keyframes that is written forward in time.

    A pose gives channels in degrees (a limb without its side is both sides); what it leaves out is 0. `ankle` is the
    foot's angle to the shank (0 is square, positive points the toes); without it the foot keeps `toe_point`, its angle
    to the floor. What is given of GROUND by keyword stays until it is given again.

    Examples:
        >>> script = Script({"knee": 5.0}).hold(1.0).to({"knee": 90.0, "hip_flex": 90.0}, 1.2)
        >>> script.now
        2.2
    """

    def __init__(self, pose: Pose, **ground: float) -> None:
        self.now = 0.0
        self.falls: list[FallMoments] = []
        self.doings: list[tuple[float, str]] = []
        self._times: list[float] = [0.0]
        self._rows: list[Floats] = [np.zeros(len(COLUMNS))]
        self._hard: list[bool] = [False]
        self._overlays: list[tuple[float, float, Overlay]] = []
        defaults = {"pinned": 1.0, "restless": 1.0}
        self._rows[0] = self._row(pose, defaults | ground)

    def _row(self, pose: Pose | None, ground: Mapping[str, float]) -> Floats:
        row = self._rows[-1].copy()
        if pose is not None:
            row[: len(_BODY)] = 0.0
            ankles = dict.fromkeys(SIDES, np.nan)
            for name, value in pose.items():
                if name.endswith("ankle"):
                    for side in SIDES:
                        if name in ("ankle", f"{side}_ankle"):
                            ankles[side] = value
                    continue
                for channel in (name,) if name in _AT else tuple(f"{side}_{name}" for side in SIDES):
                    row[_AT[channel]] = value
            self._point_toes(row, ankles)
        for name, value in ground.items():
            row[_AT[name]] = value
        return row

    @staticmethod
    def _point_toes(row: Floats, ankles: Mapping[str, float]) -> None:
        for side in SIDES:
            if not np.isnan(ankles[side]):
                shank = row[_AT["pitch"]] - row[_AT[f"{side}_hip_flex"]] + row[_AT[f"{side}_knee"]]
                row[_AT[f"{side}_toe_point"]] = shank + ankles[side]

    def value(self, name: str) -> float:
        """A column at the end of what is written."""
        return float(self._rows[-1][_AT[name]])

    def pose(self, pose: Pose | None = None) -> dict[str, float]:
        """Every channel of the body in a pose (None: the one the script is in), the sides of limbs apart."""
        row = self._row(pose, {})
        return {name: float(row[_AT[name]]) for name in _BODY}

    def to(self, pose: Pose | None, duration_s: float, **ground: float) -> Script:
        """Reach a pose (None: the same one) after `duration_s`."""
        return self._key(pose, duration_s, False, ground)

    def land(self, pose: Pose | None, duration_s: float, **ground: float) -> Script:
        """Reach a pose at speed and stop at once: a hard keyframe."""
        return self._key(pose, duration_s, True, ground)

    def _key(self, pose: Pose | None, duration_s: float, hard: bool, ground: Mapping[str, float]) -> Script:
        self.now += float(duration_s)
        self._times.append(self.now)
        self._rows.append(self._row(pose, ground))
        self._hard.append(hard)
        return self

    def hold(self, duration_s: float, **ground: float) -> Script:
        """Stay in the pose."""
        return self.to(None, max(duration_s, 1e-3), **ground)

    def cut(self, pose: Pose | None, **ground: float) -> Script:
        """Write the same posture in other channels: a body on its side that is rolled over is a body on its back."""
        if self.now == 0:
            self._rows[0] = self._row(pose, ground)
            return self
        self._hard[-1] = True
        return self.land(pose, 1e-4, **ground)

    def turn(self, heading: float, duration_s: float | None = None) -> Script:
        """Turn on the spot to a heading, the shorter way."""
        by = (heading - self.value("heading") + 180) % 360 - 180
        return self.to(None, duration_s or max(0.35, abs(by) / 130), heading=self.value("heading") + by, pinned=0.0)

    def walk(self, x_m: float, z_m: float, speed: float = 1.0) -> Script:
        """Turn and walk straight to a place."""
        dx, dz = x_m - self.value("x_m"), z_m - self.value("z_m")
        away = float(np.hypot(dx, dz))
        if away < 0.05:
            return self
        self.to(None, 0.05, gait=1.0, pinned=0.0).turn(float(np.rad2deg(np.arctan2(dx, dz))))
        self.to(None, 0.3 + away / speed, x_m=x_m, z_m=z_m)
        return self.to(None, 0.15, gait=0.0).to(None, 0.05, pinned=1.0)

    def overlay(self, start_s: float, end_s: float, move: Overlay) -> Script:
        """Add moving channels between two times, faded in and out; `move` takes seconds from the start."""
        self._overlays.append((start_s, end_s, move))
        return self

    def doing(self, label: str) -> Script:
        """Note what the person does from now on."""
        self.doings.append((self.now, label))
        return self

    def labels(self, time_s: Floats) -> list[str]:
        """Return the label at each time; before the first note, that of the note."""
        starts = [start for start, _ in self.doings]
        at = np.searchsorted(starts, time_s, "right") - 1
        return [self.doings[max(i, 0)][1] for i in at.tolist()]

    def falling(self, kind: str, start_s: float, impact_s: float) -> Script:
        """Note a fall; `rising` and `upright` complete it."""
        self.falls.append(FallMoments(kind, start_s, impact_s))
        return self

    def rising(self, start_s: float, upright_s: float) -> Script:
        """Note that the last fall is got up from."""
        last = self.falls[-1]
        self.falls[-1] = FallMoments(last.kind, last.start_s, last.impact_s, start_s, upright_s)
        return self

    def fill(self, motion: Motion, start_s: float = 0.0, mirrored: bool = False) -> None:
        """Write the channels of a motion, from `start_s` of the script on.

        mirrored  exchanges left and right.
        """
        time_s = motion.time_s + start_s
        columns = self.columns(time_s)
        if mirrored:
            columns = mirror(columns)
        for name in motion.channels:
            motion.channels[name] = columns[name]
        motion.ground = Ground(**{name: columns[name] for name in GROUND if name != "gait"})
        ends = start_s + motion.time_s[-1]
        motion.falls = tuple(_from(f, start_s) for f in self.falls if f.impact_s <= ends)

    def columns(self, time_s: Floats) -> dict[str, Floats]:
        """Every column at the given times (T,), with overlays and gait."""
        table = _interpolate(np.array(self._times), np.stack(self._rows), np.array(self._hard), time_s)
        columns = {name: table[:, number] for name, number in _AT.items()}
        for start, end, move in self._overlays:
            fade = np.clip(np.minimum(time_s - start, end - time_s) / _FADE_S, 0, 1)
            if fade.any():
                _add(columns, {name: fade * value for name, value in move(time_s - start).items()})
        if columns["gait"].any():
            _add(columns, _gait(columns, time_s))
        return columns


def _from(fall: FallMoments, start_s: float) -> FallMoments:
    rise, upright = ((None if t is None else t - start_s) for t in (fall.rise_s, fall.upright_s))
    return FallMoments(fall.kind, fall.start_s - start_s, fall.impact_s - start_s, rise, upright)


def _add(columns: dict[str, Floats], more: Mapping[str, Floats | float]) -> None:
    for name, value in more.items():
        for channel in (name,) if name in columns else tuple(f"{side}_{name}" for side in SIDES):
            columns[channel] = columns[channel] + value


def mirror(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """Exchange left and right of every column."""

    def other(name: str) -> str:
        side = name.partition("_")[0]
        return name.replace(side, SIDES[1 - SIDES.index(side)], 1) if side in SIDES else name

    signs = dict.fromkeys((*_MIRRORED, "x_m", "heading", "spin"), -1.0)
    return {name: signs.get(name, 1.0) * columns[other(name)] for name in columns}


def _interpolate(times: Floats, rows: Floats, hard: Floats, time_s: Floats) -> Floats:
    """(T, C) a monotone cubic through rows (N, C) at times (N,); constant before the first and after the last."""
    if len(times) == 1:
        return np.repeat(rows, len(time_s), 0)
    steps = np.diff(times)[:, None]
    secants = np.diff(rows, axis=0) / steps
    slopes = np.zeros_like(rows)
    before, after, w = secants[:-1], secants[1:], steps
    same = before * after > 0
    one, two = 2 * w[1:] + w[:-1], w[1:] + 2 * w[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes[1:-1] = np.where(same, (one + two) / (one / before + two / after), 0.0)
    arriving = np.where(hard[1:, None], 1.35 * secants, slopes[1:])
    leaving = np.where(hard[:-1, None], 0.0, slopes[:-1])
    at = np.clip(np.searchsorted(times, time_s, "right") - 1, 0, len(times) - 2)
    h = steps[at]
    u = np.clip((time_s - times[at])[:, None] / h, 0, 1)
    return np.asarray(
        rows[at] * (1 + 2 * u) * (1 - u) ** 2
        + leaving[at] * h * u * (1 - u) ** 2
        + rows[at + 1] * u * u * (3 - 2 * u)
        + arriving[at] * h * u * u * (u - 1)
    )


def _gait(columns: Mapping[str, Floats], time_s: Floats) -> dict[str, Floats]:
    """Steps that fit the speed over the floor: the phase follows the distance, the stride the speed."""
    if len(time_s) < 2:
        return {}
    speed = np.hypot(np.gradient(columns["x_m"], time_s), np.gradient(columns["z_m"], time_s))
    turning = np.abs(np.gradient(np.deg2rad(columns["heading"]), time_s))
    speed = (speed + 0.15 * turning) * (columns["gait"] > 0)
    stride = np.clip(9 + 15 * speed, 0, 27) * np.clip(speed / 0.25, 0, 1) * columns["gait"]
    cycle_m = np.maximum(_CYCLE_M * np.sin(np.deg2rad(np.clip(9 + 15 * speed, 0, 27))), 0.4)
    phase = 2 * np.pi * np.cumsum(speed / cycle_m * np.gradient(time_s))
    size = np.clip(stride / 25, 0, 1)
    out: dict[str, Floats] = {"spine": 3 * size, "spine_twist": -5 * size * np.sin(phase)}
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        out[f"{side}_hip_flex"] = 6 * size + stride * np.sin(own)
        out[f"{side}_knee"] = size * (4 + 52 * np.clip(np.cos(own), 0, 1) ** 1.3)
        push, lift = np.clip(-np.sin(own - 0.5), 0, 1) ** 3, np.clip(np.sin(own), 0, 1) ** 4
        out[f"{side}_toe_point"] = size * (30 * push - 14 * lift)
        out[f"{side}_arm_flex"] = -0.8 * stride * np.sin(own)
        out[f"{side}_elbow"] = 10 * size * np.clip(-np.sin(own), 0, 1)
    return out
