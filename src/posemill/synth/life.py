"""Long everyday life and falls as streams of tracked poses, without pixels: what a fall alarm is measured on.

A person's day is a chain of scripts of 10 to 120 s, each of which begins where the one before ended. Every script is
moved, projected and made noisy as a whole, so that a day of footage takes about a minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posemill.applications.protocol import StreamFacts, TrackedFrame, TrackedPose
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.synth import everyday, falls
from posemill.synth.body import Body, Rig, rig
from posemill.synth.estimated import Labeller, estimate
from posemill.synth.everyday import STILL, UPRIGHT
from posemill.synth.home import Furniture, Home, Zone
from posemill.synth.motion import FallMoments, Motion, Style, finish
from posemill.synth.postures import cross_legged, stand
from posemill.synth.rotation import Floats
from posemill.synth.script import GROUND, Script

FPS = 10.0
HIDDEN_SHARE = 0.5  # of the body behind a bed or sofa, or its hips: no camera sees such a fall
_CHILD_SHARE, _PET_SHARE, _COMPANY_SHARE = 0.15, 0.35, 0.4
_HERE = {"stand_about": 12, "cook": 6, "reach": 4, "pick_up": 6, "tie_shoes": 2.5, "crouch": 2.5, "kneel": 2.5}
_HERE |= {"play_with_pet": 2, "exercise": 2, "lie_down_floor": 0.7}
_GO = {"walk": 24, "chair": 9, "sofa": 7, "sofa_lie": 2, "bed_lie": 1.5, "leave": 3}


@dataclass(slots=True, eq=False)
class _Block:
    """A stretch of one person's stream: xy (T, 17, 2), confidence (T, 17), number of the track (T,), its labels."""

    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    numbers: NDArray[np.int64]
    labels: list[str]
    falls: tuple[FallMoments, ...] = ()


@dataclass(slots=True)
class _Numbers:
    """Numbers of tracks, given out as a tracker does: a new one for who was away."""

    last: int = -1

    def next(self) -> int:
        self.last += 1
        return self.last


@dataclass(slots=True, eq=False)
class _Actor:
    """One person in a home, with body, habits and the state that the next script begins from."""

    home: Home
    fps: float
    labeller: Labeller
    numbers: _Numbers
    rng: np.random.Generator
    child: bool = False
    now_s: float = 0.0
    state: str = "up"  # up, seated, lying, away
    piece: Furniture | None = None
    side: int = 1
    frames: int = 0
    number: int = -1
    unseen: int = 10**6
    body: Body = field(init=False)
    style: Style = field(init=False)
    seed: int = field(init=False)
    script: Script = field(init=False)
    posed: Rig = field(init=False)

    def __post_init__(self) -> None:
        self.body = Body.child(self.rng) if self.child else Body.random(self.rng)
        self.style, self.seed = Style.random(self.rng), int(self.rng.integers(2**31))
        x, z = self.home.free_place(self.rng)
        self.script = Script(stand(self.rng), x_m=x, z_m=z, heading=self.rng.uniform(-180, 180)).doing(UPRIGHT)

    def go_on(self) -> None:
        """Begin a script where the last one ended."""
        before = self.script
        ground = {name: before.value(name) for name in GROUND if name != "gait"}
        self.script = Script(before.pose(), **ground).doing(before.doings[-1][1])

    def shoot(self) -> _Block:
        """Move, project and estimate the script that was written, on the frames that are within it."""
        count = int(np.floor((self.now_s + self.script.now) * self.fps + 1e-9)) - self.frames
        time_s = (self.frames + np.arange(max(count, 1))) / self.fps
        moved = Motion(time_s)
        self.script.fill(moved, -self.now_s)
        labels = self.script.labels(time_s - self.now_s)
        finish(moved, self.style, np.random.default_rng(self.seed))  # the same wobble goes on from script to script
        posed = self.posed = rig(self.body, moved)
        self._stay_where_it_ended(posed.points["pelvis"][-1])
        xy, _ = self.home.camera.project(posed.keypoints())
        size = self.home.camera.width_px, self.home.camera.height_px
        seen, confidence = estimate(xy, size, self.fps, self.labeller, self.rng)
        done = tuple(_later(f, self.now_s) for f in self.script.falls)
        self.now_s += self.script.now
        self.frames += len(time_s)
        return _Block(seen, confidence, self._track(seen), labels, done)

    def _stay_where_it_ended(self, pelvis: Floats) -> None:
        """Feet that were pinned have moved the body: the next script begins there."""
        self.script.cut(None, x_m=float(pelvis[0]), z_m=float(pelvis[2]))
        self.script.now -= 0.0 if self.script.now == 0 else 1e-4

    def away(self, seconds: float) -> _Block:
        """Be outside for a while."""
        count = max(int((self.now_s + seconds) * self.fps) - self.frames, 1)
        self.now_s += seconds
        self.frames += count
        self.unseen += count
        xy = np.full((count, 17, 2), np.nan, np.float32)
        return _Block(xy, np.zeros((count, 17), np.float32), np.full(count, -1), ["away"] * count)

    def _track(self, seen: NDArray[np.float32]) -> NDArray[np.int64]:
        """Numbers (T,): a new one after 1.5 s unseen, and seldom for no reason."""
        there = np.asarray(np.isfinite(seen[..., 0]).any(1))
        numbers = np.full(len(seen), -1, np.int64)
        breaks = self.rng.uniform(size=len(seen)) < 1 / (900 * self.fps)
        patience = int(1.5 * self.fps)
        for at in (
            np.flatnonzero(np.diff(there, prepend=False) & there).tolist() + np.flatnonzero(breaks & there).tolist()
        ):
            numbers[at] = -2  # a track may begin here
        gap = self.unseen
        for at in range(len(seen)):
            if not there[at]:
                gap += 1
                continue
            if (numbers[at] == -2 and gap > patience) or breaks[at] or self.number < 0:
                self.number = self.numbers.next()
            numbers[at], gap = self.number, 0
        self.unseen = gap
        return numbers


def _later(fall: FallMoments, by_s: float) -> FallMoments:
    rise, upright = ((None if t is None else t + by_s) for t in (fall.rise_s, fall.upright_s))
    return FallMoments(fall.kind, fall.start_s + by_s, fall.impact_s + by_s, rise, upright)


def _live(actor: _Actor) -> Iterator[_Block]:
    """An everyday life without end."""
    while True:
        night = not 7.0 <= (actor.now_s / 3600 + 8) % 24 <= 22.5
        if actor.child:
            yield from _child_plays(actor)
        elif actor.state == "seated":
            yield _seated(actor)
        elif actor.state == "lying":
            yield _in_bed(actor, night)
        else:
            yield from _up(actor, night)


def _up(actor: _Actor, night: bool) -> Iterator[_Block]:
    """Do something that begins and ends on the feet, or go to sit or lie."""
    rng, home = actor.rng, actor.home
    chances = _HERE | _GO | ({"bed_lie": 60} if night else {})
    names = list(chances)
    weights = np.array([chances[n] for n in names], float)
    kind = str(rng.choice(names, p=weights / weights.sum()))
    actor.go_on()
    script, speed = actor.script, rng.uniform(0.5, 1.3)
    if kind == "walk":
        for _ in range(rng.integers(1, 4)):
            script.walk(*home.free_place(rng), speed)
    elif kind == "leave":
        script.walk(rng.choice([-1, 1]) * (home.width_m / 2 + 1.5), rng.uniform(-1, 1), speed)
        yield actor.shoot()
        yield actor.away(rng.exponential(240) + 10)
        actor.go_on()
        actor.script.walk(*home.free_place(rng), speed)
    elif kind in ("chair", "sofa", "sofa_lie", "bed_lie"):
        _settle(actor, kind, speed)
    else:
        everyday.ACTIONS[kind](script, rng, float(rng.uniform(1, 40)))
    yield actor.shoot()


def _settle(actor: _Actor, kind: str, speed: float) -> None:
    """Walk to a piece of furniture and sit or lie down on it."""
    rng = actor.rng
    pieces = actor.home.pieces(kind.partition("_")[0])
    piece = pieces[rng.integers(len(pieces))]
    height = piece.high[1]
    actor.piece, actor.side = piece, int(rng.choice([-1, 1]))
    actor.script.walk(*piece.front, speed).turn(piece.heading).hold(0.2, pinned=1.0)
    if kind.endswith("_lie"):
        everyday.lie_down(actor.script, rng, height, actor.side)
        actor.state = "lying"
    else:
        quick = bool(rng.uniform() < 0.25)
        everyday.sit_down(actor.script, rng, quick, height, lean=rng.uniform(-16, 0) if kind == "sofa" else None)
        actor.state = "seated"


def _seated(actor: _Actor) -> _Block:
    rng = actor.rng
    actor.go_on()
    everyday.sit_for(actor.script, rng, float(rng.uniform(5, 90)))
    if rng.uniform() < 0.4:
        everyday.stand_up(actor.script, rng)
        actor.state = "up"
    return actor.shoot()


def _in_bed(actor: _Actor, night: bool) -> _Block:
    rng = actor.rng
    actor.go_on()
    everyday.rest(actor.script, rng, float(rng.uniform(10, 110)))
    if rng.uniform() < (0.004 if night else 0.15):
        everyday.leave_bed(actor.script, rng, actor.side)
        actor.state = "up"
    return actor.shoot()


def _child_plays(actor: _Actor) -> Iterator[_Block]:
    """A small child crawls about and sits on the floor; away for most of the time."""
    rng = actor.rng
    x, z = actor.home.free_place(rng, 1.0)
    actor.script = Script({}, x_m=x, z_m=z, heading=rng.uniform(-180, 180), pinned=0.0).doing(UPRIGHT)
    for _ in range(rng.integers(1, 5)):
        actor.go_on()
        everyday.crawl(actor.script, rng, float(rng.uniform(4, 25)))
        actor.script.hold(0.1, hands=0.0).to(cross_legged(rng), 1.0).hold(rng.uniform(2, 40))
        yield actor.shoot()
    yield actor.away(rng.exponential(1200) + 60)


def _pet(home: Home, fps: float, numbers: _Numbers, labeller: Labeller, rng: np.random.Generator) -> Iterator[_Block]:
    """A pet that is taken for a small person now and then: a few keypoints, unsure, near the floor."""
    while True:
        count = int(rng.exponential(400) * fps) + 1
        yield _Block(
            np.full((count, 17, 2), np.nan, np.float32), np.zeros((count, 17), np.float32), np.full(count, -1), []
        )
        count = int(rng.uniform(1, 15) * fps) + 2
        (x0, z0), (x1, z1) = home.free_place(rng), home.free_place(rng)
        u = np.linspace(0, 1, count)[:, None]
        way = np.concatenate([x0 + (x1 - x0) * u, 0 * u, z0 + (z1 - z0) * u], 1)
        shape = rng.normal(0, 1, (17, 3)) * (0.14, 0.07, 0.14) + (0, 0.2, 0)
        xy, _ = home.camera.project(way[:, None] + shape + rng.normal(0, 0.012, (count, 17, 3)))
        noisy, confidence = estimate(xy, (home.camera.width_px, home.camera.height_px), fps, labeller, rng)
        seen = (rng.uniform(size=17) < 0.7) & np.isfinite(noisy[..., 0])
        noisy[~seen] = np.nan
        confidence = np.where(seen, confidence * rng.uniform(0.3, 0.7), 0).astype(np.float32)
        number = numbers.next()
        there = seen.sum(1) > 3
        yield _Block(noisy, confidence, np.where(there, number, -1), [])


@dataclass(slots=True, eq=False)
class Scene:
    """A stream of tracked poses with its truth. Iterating gives TrackedFrame after TrackedFrame, once.

    facts    of the stream: COCO's 17 keypoints, size of the picture.
    fps      frames a second.
    home     room, furniture and camera.
    zones    where furniture is in the picture.
    falls    exact moments, for the person who falls; empty in everyday life.
    labels   class of everyday.CLASSES for each person of the newest frame, by number; `pet` for pets.
    """

    facts: StreamFacts
    fps: float
    home: Home
    zones: tuple[Zone, ...]
    falls: tuple[FallMoments, ...]
    _people: list[Iterator[_Block]]
    _frames: int
    labels: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of frames."""
        return self._frames

    def __iter__(self) -> Iterator[TrackedFrame]:
        """Every frame in order."""
        blocks = [next(stream) for stream in self._people]
        at = [0] * len(blocks)
        frame = 0
        while frame < self._frames:
            for i, stream in enumerate(self._people):
                if at[i] >= len(blocks[i].numbers):
                    blocks[i], at[i] = next(stream), 0
            length = min(len(block.numbers) - start for block, start in zip(blocks, at, strict=True))
            length = min(length, self._frames - frame)
            yield from self._together(list(zip(blocks, at, strict=True)), frame, length)
            at = [start + length for start in at]
            frame += length

    def _together(self, parts: Sequence[tuple[_Block, int]], frame: int, length: int) -> Iterator[TrackedFrame]:
        numbers = [block.numbers[at : at + length].tolist() for block, at in parts]
        for i in range(length):
            people: dict[int, TrackedPose] = {}
            self.labels = {}
            for (block, at), mine in zip(parts, numbers, strict=True):
                if mine[i] >= 0:
                    people[mine[i]] = TrackedPose(block.xy[at + i], block.confidence[at + i])
                    self.labels[mine[i]] = block.labels[at + i] if block.labels else "pet"
            yield TrackedFrame(frame + i, (frame + i) / self.fps, people)


def everyday_life(hours: float, seed: int, fps: float = FPS) -> Scene:
    """Everyday life in one home, without a fall: hours of frames, the same ones for the same arguments.

    One person lives there; often others come and go, sometimes a child crawls about or a pet is taken for a person. The
    clock begins at eight in the morning, and people sleep at night.

    Examples:
        >>> life = everyday_life(hours=0.01, seed=3)
        >>> frames = list(life)
        >>> len(frames), [zone.kind for zone in life.zones][:2]
        (360, ['bed', 'sofa'])
    """
    if hours <= 0 or fps <= 0 or seed < 0:
        raise InputError(f"everyday life needs hours > 0, fps > 0 and a seed >= 0; came {hours}, {fps} and {seed}")
    rng = np.random.default_rng([seed, 71])
    home, labeller, numbers = Home.random(rng), Labeller.random(rng), _Numbers()
    others = int(rng.uniform() < _COMPANY_SHARE) + int(rng.uniform() < 0.3 * _COMPANY_SHARE)
    people: list[Iterator[_Block]] = []
    for number in range(1 + others):
        actor = _Actor(home, fps, labeller, numbers, np.random.default_rng([seed, 72, number]))
        people.append(_live(actor) if number == 0 else _visits(actor))
    if rng.uniform() < _CHILD_SHARE:
        people.append(_live(_Actor(home, fps, labeller, numbers, np.random.default_rng([seed, 73]), child=True)))
    if rng.uniform() < _PET_SHARE:
        people.append(_pet(home, fps, numbers, labeller, np.random.default_rng([seed, 74])))
    return Scene(_facts(home, f"life-{seed}"), fps, home, home.zones(), (), people, round(hours * 3600 * fps))


def _visits(actor: _Actor) -> Iterator[_Block]:
    """Comes for some minutes, and is away for longer."""
    life = _live(actor)
    while True:
        yield actor.away(actor.rng.exponential(1800) + 30)
        until = actor.now_s + actor.rng.exponential(600) + 60
        while actor.now_s < until or actor.state != "up":
            yield next(life)


def _facts(home: Home, source: str) -> StreamFacts:
    return StreamFacts(COCO_17, home.camera.width_px, home.camera.height_px, source)


def fall_scene(
    seed: int, kind: str | None = None, recovers: bool | None = None, fps: float = FPS, short: bool = False
) -> Scene:
    """Everyday life that ends in one fall, with its exact moments in `falls`.

    kind      of falls.WAYS; None = drawn from the seed.
    recovers  gets up after some seconds; None = three in ten do. Otherwise the person lies for 25 to 60 s.
    short     for training: no lead-in, and 4 to 10 s of lying.
    """
    rng = np.random.default_rng([seed, 81])
    kind = kind or str(rng.choice(list(falls.WAYS)))
    if kind not in falls.WAYS:
        raise InputError(f"unknown fall {kind!r}; known are {', '.join(falls.WAYS)}")
    recovers = bool(rng.uniform() < 0.3) if recovers is None else recovers
    for attempt in range(60):  # until there is room for the fall and the camera sees it
        own = np.random.default_rng([seed, 82, attempt])
        home, labeller, numbers = Home.random(own), Labeller.random(own), _Numbers()
        actor = _Actor(home, fps, labeller, numbers, np.random.default_rng([seed, 83, attempt]))
        blocks = [] if short else list(_lead_in(actor, own.uniform(10, 60)))
        stay_s = own.uniform(4, 10) if short else own.uniform(25, 60)
        blocks += list(_fallen(actor, kind, recovers, stay_s))
        if _possible(blocks[-1], actor, fps):
            break
    people: list[Iterator[_Block]] = [iter(blocks)]
    if rng.uniform() < 0.2:
        other = _Actor(home, fps, labeller, numbers, np.random.default_rng([seed, 84]))
        people.append(_live(other))
    frames = sum(len(block.numbers) for block in blocks)
    return Scene(_facts(home, f"fall-{seed}"), fps, home, home.zones(), blocks[-1].falls, people, frames)


def action_scene(seed: int, kind: str, fps: float = FPS) -> Scene:
    """One action in some home, for training: of everyday.ACTIONS, or walk, chair, sofa, sofa_lie or bed_lie."""
    known = (*everyday.ACTIONS, "walk", "chair", "sofa", "sofa_lie", "bed_lie")
    if kind not in known:
        raise InputError(f"unknown action {kind!r}; known are {', '.join(known)}")
    rng = np.random.default_rng([seed, 91])
    home, labeller, numbers = Home.random(rng), Labeller.random(rng), _Numbers()
    actor = _Actor(home, fps, labeller, numbers, np.random.default_rng([seed, 92]), child=kind == "crawl")
    stay = float(rng.uniform(2, 10))
    if kind in everyday.ACTIONS:
        everyday.ACTIONS[kind](actor.script, rng, stay)
    elif kind == "walk":
        actor.script.walk(*home.free_place(rng), rng.uniform(0.4, 1.4)).walk(
            *home.free_place(rng), rng.uniform(0.4, 1.4)
        )
    else:
        _settle(actor, kind, rng.uniform(0.6, 1.3))
        if actor.state == "lying":
            everyday.rest(actor.script, rng, stay)
            everyday.leave_bed(actor.script, rng, actor.side)
        else:
            everyday.sit_for(actor.script, rng, stay)
            everyday.stand_up(actor.script, rng)
    block = actor.shoot()
    return Scene(_facts(home, f"{kind}-{seed}"), fps, home, home.zones(), (), [iter([block])], len(block.numbers))


def _lead_in(actor: _Actor, seconds: float) -> Iterator[_Block]:
    """Short everyday actions, until it is time to fall."""
    while actor.now_s < seconds:
        rng = actor.rng
        actor.go_on()
        kind = str(rng.choice(["walk", "walk", "sofa", "chair", *_HERE]))
        if kind == "walk":
            actor.script.walk(*actor.home.free_place(rng), rng.uniform(0.5, 1.3))
        elif kind in ("sofa", "chair"):
            _settle(actor, kind, rng.uniform(0.6, 1.3))
            everyday.sit_for(actor.script, rng, float(rng.uniform(2, 20)))
            everyday.stand_up(actor.script, rng)
            actor.state = "up"
        else:
            everyday.ACTIONS[kind](actor.script, rng, float(rng.uniform(1, 12)))
        yield actor.shoot()


def _possible(block: _Block, actor: _Actor, fps: float) -> bool:
    """True if most of the body is seen before, at and after the fall, and it lies in no wall and in or behind nothing.

    Keypoints are not hidden by furniture here, so a fall that no camera would see is none that is asked for.
    """
    fall = block.falls[-1]
    first = actor.frames - len(block.numbers)
    rows = np.arange(int((fall.start_s - 0.5) * fps), int((fall.impact_s + 3) * fps)) - first
    rows = rows[(rows >= 0) & (rows < len(block.numbers))]
    if not len(rows) or np.mean((block.confidence[rows] > 0.2).sum(1) >= 11) < 0.6:
        return False
    down = min(int(fall.impact_s * fps) + 1 - first, len(block.numbers) - 1)
    places = np.stack([actor.posed.points[n][down] for n in ("pelvis", "neck", "head", "left_knee", "right_ankle")])
    inside_room = np.abs(places[:, [0, 2]]).max(0) < np.array([actor.home.width_m, actor.home.depth_m]) / 2
    home, viewer = actor.home, actor.home.camera.place
    if not inside_room.all() or any(_in(places, piece) for piece in home.furniture):
        return False
    hidden = np.any([piece.hides(places, viewer) for piece in home.pieces("bed", "sofa")], axis=0)
    return bool(not hidden[0] and hidden.mean() < HIDDEN_SHARE)


def _in(places: Floats, piece: Furniture) -> bool:
    low, high = np.array(piece.low), np.array(piece.high)
    return bool(((places > low) & (places < high)).all(1).any())


def _fallen(actor: _Actor, kind: str, recovers: bool, stay_s: float) -> Iterator[_Block]:
    """Go to where the fall begins, fall, and stay down or get up."""
    rng, home = actor.rng, actor.home
    actor.go_on()
    script = actor.script
    if kind == "fall_from_chair":
        piece = (home.pieces("chair") or home.pieces("sofa"))[0]
        script.walk(*piece.front).turn(piece.heading).hold(0.2, pinned=1.0)
        everyday.sit_down(script, rng, height_m=piece.high[1])
        everyday.sit_for(script, rng, rng.uniform(2, 12))
    elif kind == "fall_from_bed":
        piece = home.pieces("bed")[0]
        script.walk(*piece.front).turn(piece.heading).hold(0.2, pinned=1.0)
        everyday.lie_down(script, rng, piece.high[1], 1)
        everyday.rest(script, rng, rng.uniform(3, 15))
        out = np.deg2rad(piece.heading)  # nearer to the edge
        aside = {"x_m": script.value("x_m") + 0.2 * np.sin(out), "z_m": script.value("z_m") + 0.2 * np.cos(out)}
        script.to(None, rng.uniform(0.8, 2.0), **aside).hold(rng.uniform(1, 5))
    elif kind == "wall_slide":
        sign = rng.choice([-1, 1])
        script.walk(rng.uniform(-0.3, 0.3) * home.width_m, sign * (home.depth_m / 2 - 0.35))
        script.turn(180.0 if sign > 0 else 0.0).hold(rng.uniform(0.5, 2), pinned=1.0)
    else:
        script.walk(*home.free_place(rng, 0.9))
        script.turn(float(np.rad2deg(np.arctan2(-script.value("x_m"), -script.value("z_m")))) + rng.normal(0, 30))
        script.hold(rng.uniform(0.3, 3), pinned=1.0)
    yield actor.shoot()
    actor.go_on()
    lying = falls.fall(actor.script, kind, rng)
    actor.script.doing(STILL).hold(rng.uniform(2.5, 9) if recovers else stay_s)
    if recovers:
        falls.rise_again(actor.script, lying, rng)
        actor.script.hold(rng.uniform(1, 4))
    yield actor.shoot()
