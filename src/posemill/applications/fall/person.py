"""Fall states of one person: upright, falling, on the floor, getting up, in bed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import exp, inf, isnan, log
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.applications.fall.beds import BedWatch
from posemill.applications.fall.descent import Descent, History
from posemill.applications.fall.evidence import Evidence
from posemill.applications.fall.features import Circumstances, measure
from posemill.applications.fall.geometry import BodyGeometry
from posemill.applications.fall.posture import is_upright, stands
from posemill.applications.fall.zones import Zones
from posemill.applications.protocol import Detail, Severity

if TYPE_CHECKING:
    from posemill.applications.fall.params import FallParams

LANDED_SPEED = 0.25  # body lengths a second: slower than this the body has come to rest
LONGEST_FALL_S = 1.5  # from the recognised descent: then the body counts as down even if it still moves
DOUBT_S = 6.0  # a descent that has not become an alarm by then was none
LOOK_EVERY_S = 0.2  # the evidence is asked for so often
SOFT, LEAST_WEIGHT = 1.5, -0.5  # log odds from half to full weight, and the weight of what is surely no fall
SURELY_NONE = -5.0  # log odds of who lies in bed or outside the floor that is watched
SUSPICION = 3.0  # log odds that a fast descent out of sight is worth when the person is found again
UPRIGHT_AGAIN_S = 0.3  # before the alarm, so long upright ends the episode
ANOTHER_AFTER_S = 0.6  # at rest for so long without evidence, and a further descent is one of its own
FOUND_AGAIN_S = 1.0  # not seen for longer, and a body's time on the floor begins anew
STILL = 0.12  # body lengths a second
LOST_SPEED, LOST_DROP, LOST_HIP_DROP = 1.0, 0.2, 0.06  # who vanishes in a descent of this kind may have fallen
KNOWN_S = 0.2  # a body seen for less long has no height to come down from


class State(StrEnum):
    """State of one person."""

    UPRIGHT = "upright"
    FALLING = "falling"
    ON_FLOOR = "on the floor"
    GETTING_UP = "getting up"
    IN_BED = "in bed"


@dataclass(frozen=True, slots=True)
class Finding:
    """Finding about a person: an event without its person."""

    kind: str
    severity: Severity
    start_s: float
    message: str
    details: dict[str, Detail]
    end_s: float | None = None


@dataclass(slots=True)
class Episode:
    """A descent and what followed.

    impact_s    when the body came to rest; None = still falling.
    features    of the newest look; None before the first and while the body is in bed.
    activity    largest probability of a fall after the activity model; None without one.
    log_odds    evidence that it was a fall, of the newest look or of an earlier one, faded.
    weighted_s  seconds on the floor, each weighted by its evidence.
    """

    descent: Descent
    recognised_s: float
    cause: str
    impact_s: float | None = None
    largest_drop: float = 0.0
    features: NDArray[np.float32] | None = None
    activity: float | None = None
    looked_s: float = -1e9
    log_odds: float = -5.0
    weighted_s: float = 0.0
    suspected: bool = False
    alarmed_s: float | None = None
    long_lie: bool = False
    upright_since_s: float | None = None


class PersonMonitor:
    """State machine of one person; `update` with every frame it is seen in, `missing` with every other one."""

    def __init__(self, params: FallParams, beds: Zones, floor: Zones, evidence: Evidence) -> None:
        self._params, self._beds, self._floor = params, BedWatch(beds), floor
        self._evidence = evidence
        self._wanted_log_odds = log(params.fall_evidence / (1 - params.fall_evidence))
        self.history = History()
        self.state = State.UPRIGHT
        self.episode: Episode | None = None
        self.seen_s = self.began_s = -1.0
        self.at_border = self._asked_vanished = False
        self._still_since_s: float | None = None
        self._still_told = False

    @property
    def down(self) -> bool:
        """True from the recognised descent until the person is upright again."""
        return self.episode is not None

    def update(self, body: BodyGeometry, activity: float | None = None) -> Iterator[Finding]:
        """Take the geometry of a frame, and the activity model's probability that the person falls or lies."""
        if self.began_s < 0:
            self.began_s = self.seen_s = body.time_s
        elapsed_s, self.seen_s = body.time_s - self.seen_s, body.time_s
        if self.episode is not None and elapsed_s > FOUND_AGAIN_S:
            self._found_again(self.episode, body.time_s)
        self.at_border, self._asked_vanished = body.cut_off, False
        self.history.add(body)
        now = self.history.newest
        if now is None or isnan(now.head_y) or self.history.length_px < self._params.min_body_px:
            return
        self._beds.add(now)
        if self.state in (State.UPRIGHT, State.IN_BED):
            self.state = State.IN_BED if self._beds.lies else State.UPRIGHT
        if self.episode is None or self._may_be_another(self.episode, now):
            self._look_for_descent(now)
        if self.episode is not None:
            yield from self._follow(self.episode, now, elapsed_s, activity)
        yield from self._lying_still(now)

    def missing(self, time_s: float) -> Iterator[Finding]:
        """Take a frame in which the person was not found."""
        episode = self.episode = self.episode or self._vanished()
        if episode is None or episode.alarmed_s is not None or episode.suspected:
            return
        lost_s = time_s - self.seen_s
        if episode.weighted_s > 0 and episode.log_odds >= self._wanted_log_odds:
            if episode.weighted_s + lost_s >= max(self._params.alarm_after_s, 0.5):
                yield self._alarm(episode, time_s)
        elif lost_s >= self._params.lost_alarm_after_s:
            if episode.descent.speed >= LOST_SPEED and not self.at_border:
                yield self._suspect(episode, time_s)
            else:
                self._end()

    def _found_again(self, episode: Episode, time_s: float) -> None:
        """Let the time on the floor begin anew: who was not seen may have got up meanwhile."""
        if episode.alarmed_s is None:
            episode.impact_s, episode.weighted_s = time_s, 0.0

    def _vanished(self) -> Episode | None:
        """An episode for a body that is no longer found in the middle of a fast descent."""
        if self._asked_vanished:
            return None
        self._asked_vanished = True
        descent = self.history.vanishing()
        if descent is None or self.at_border or self.seen_s - self.began_s < KNOWN_S:
            return None
        fast = descent.speed >= LOST_SPEED and descent.drop >= LOST_DROP and descent.hip_drop >= LOST_HIP_DROP
        return Episode(descent, self.seen_s, "descent") if fast else None

    def ended(self, time_s: float) -> Iterator[Finding]:
        """Take the end of the stream: an alarm that was on its way is given."""
        episode = self.episode
        if episode and episode.alarmed_s is None and episode.weighted_s >= 0.4 * self._params.alarm_after_s:
            yield self._alarm(episode, time_s, stream_ended=True)

    def _may_be_another(self, episode: Episode, now: BodyGeometry) -> bool:
        """True where the episode is at rest without any evidence: sitting down first and falling then."""
        at_rest = episode.impact_s is not None and now.time_s - episode.impact_s > ANOTHER_AFTER_S
        return at_rest and episode.alarmed_s is None and not episode.suspected and episode.weighted_s <= 0

    def _look_for_descent(self, now: BodyGeometry) -> None:
        params, before = self._params, self.episode
        since_s = -inf if before is None or before.impact_s is None else before.impact_s
        descent = self.history.descent(params.max_descent_s, since_s)
        if now.time_s - self.began_s < KNOWN_S:
            return
        if self._beds.left(now):
            descent = descent or self.history.descent(params.max_descent_s, least=-1.0)
            if descent is not None and not stands(now, descent):
                self.episode = Episode(descent, now.time_s, "out of bed", impact_s=now.time_s)
        elif descent is not None and (
            descent.drop >= params.min_drop_body_lengths and descent.speed >= params.min_speed_body_lengths_per_s
        ):
            self.episode = Episode(descent, now.time_s, "descent")
        if self.episode is not before:
            self.state = State.FALLING

    def _follow(
        self, episode: Episode, now: BodyGeometry, elapsed_s: float, activity: float | None
    ) -> Iterator[Finding]:
        upright = (
            is_upright(now, episode.descent, max(episode.largest_drop, episode.descent.drop))
            if episode.cause == "descent"
            else stands(now, episode.descent)
        )
        if episode.impact_s is None:
            self._update_descent(episode, now)
        if upright:
            episode.upright_since_s = now.time_s if episode.upright_since_s is None else episode.upright_since_s
            yield from self._upright_again(episode, now)
            return
        episode.upright_since_s = None
        self.state = State.FALLING if episode.impact_s is None else State.ON_FLOOR
        self._weigh(episode, now, 0.0 if elapsed_s > FOUND_AGAIN_S else elapsed_s, activity)
        yield from self._on_the_floor(episode, now)

    def _update_descent(self, episode: Episode, now: BodyGeometry) -> None:
        newer = self.history.descent(self._params.max_descent_s + 1.0)
        if newer is not None and newer.started_s <= episode.recognised_s and newer.drop >= episode.descent.drop:
            episode.descent = newer
        speed = self.history.speed()
        if speed < LANDED_SPEED or now.time_s - episode.recognised_s > LONGEST_FALL_S:
            episode.impact_s = now.time_s

    def _weigh(self, episode: Episode, now: BodyGeometry, elapsed_s: float, activity: float | None) -> None:
        """Add the time since the last frame to the seconds on the floor, weighted by the evidence."""
        descent = episode.descent
        episode.largest_drop = max(episode.largest_drop, (now.head_y - descent.top_y) / descent.length_px)
        if activity is not None:
            episode.activity = max(activity, episode.activity or 0.0)
        if now.time_s - episode.looked_s >= LOOK_EVERY_S - 1e-3:
            faded = episode.log_odds - self._params.evidence_fades_per_s * (now.time_s - episode.looked_s)
            episode.looked_s = now.time_s
            newest = self._log_odds(episode, now, activity)
            episode.log_odds = newest if episode.features is None else max(newest, faded)
        if episode.impact_s is None:
            return
        wanted = self._wanted_log_odds - (SUSPICION if episode.suspected else 0.0)
        weight = (episode.log_odds - wanted + SOFT) / (2 * SOFT)
        episode.weighted_s = max(0.0, episode.weighted_s + elapsed_s * max(LEAST_WEIGHT, min(1.0, weight)))

    def _log_odds(self, episode: Episode, now: BodyGeometry, activity: float | None) -> float:
        out_of_bed = episode.cause != "descent"
        if (self._beds.hold(now) and not out_of_bed) or not (isnan(now.hip_x) or self._watched(now)):
            episode.features = None
            return SURELY_NONE
        around = Circumstances(
            largest_drop=episode.largest_drop,
            out_of_bed=out_of_bed,
            beds_drawn=bool(self._beds),
            from_bed_px=self._beds.distance_px(now),
            from_place_px=self._beds.from_place_px(now) if out_of_bed else (0.0, 0.0),
            activity_most=episode.activity,
            activity_now=activity,
        )
        episode.features = measure(self.history, episode.descent, around)
        return self._evidence.logit(episode.features)

    def _watched(self, now: BodyGeometry) -> bool:
        return not self._floor or self._floor.hold(now.hip_x, now.hip_y) or self._floor.hold(now.head_x, now.head_y)

    def _on_the_floor(self, episode: Episode, now: BodyGeometry) -> Iterator[Finding]:
        params = self._params
        if episode.alarmed_s is None:
            if episode.weighted_s >= params.alarm_after_s:
                yield self._alarm(episode, now.time_s)
            elif episode.impact_s is not None and now.time_s - episode.impact_s > DOUBT_S and episode.weighted_s <= 0:
                self._end()
        elif not episode.long_lie and now.time_s - (episode.impact_s or episode.alarmed_s) >= params.long_lie_s:
            episode.long_lie = True
            lain_s = round(now.time_s - (episode.impact_s or episode.alarmed_s), 1)
            message = f"still on the floor {lain_s:.0f} s after the fall"
            yield Finding("long_lie", Severity.ALARM, episode.descent.started_s, message, {"on_floor_s": lain_s})

    def _upright_again(self, episode: Episode, now: BodyGeometry) -> Iterator[Finding]:
        upright_s = now.time_s - (episode.upright_since_s or now.time_s)
        if episode.alarmed_s is None:
            if upright_s >= UPRIGHT_AGAIN_S:
                self._end(episode.upright_since_s or inf)
            return
        self.state = State.GETTING_UP
        if upright_s >= self._params.got_up_s:
            start_s = episode.descent.started_s
            message = f"got up {now.time_s - start_s:.0f} s after the fall began"
            yield Finding(
                "got_up", Severity.INFO, start_s, message, {"down_s": round(now.time_s - start_s, 2)}, now.time_s
            )
            self._end()

    def _alarm(self, episode: Episode, time_s: float, **details: Detail) -> Finding:
        episode.alarmed_s = time_s
        self.state = State.ON_FLOOR
        on_floor_s = time_s - (episode.impact_s if episode.impact_s is not None else time_s)
        message = f"fall: on the floor for {on_floor_s:.1f} s without getting up"
        values = self._details(episode, time_s) | details
        return Finding("fall", Severity.ALARM, episode.descent.started_s, message, values)

    def _suspect(self, episode: Episode, time_s: float) -> Finding:
        episode.suspected = True
        message = f"fall suspected: came down fast, not seen for {time_s - self.seen_s:.1f} s"
        details = self._details(episode, time_s)
        return Finding("fall_suspected", Severity.WARNING, episode.descent.started_s, message, details)

    def _details(self, episode: Episode, time_s: float) -> dict[str, Detail]:
        descent = episode.descent
        return {
            "cause": episode.cause,
            "impact_s": None if episode.impact_s is None else round(episode.impact_s, 2),
            "drop_body_lengths": round(descent.drop, 2),
            "speed_body_lengths_per_s": round(descent.speed, 2),
            "evidence": round(1 / (1 + exp(-episode.log_odds)), 3),
            "seen": time_s - self.seen_s < 0.5,
        }

    def _end(self, upright_since_s: float = inf) -> None:
        """End the episode; a later descent is measured from where the person is upright now."""
        self.episode, self.state = None, State.UPRIGHT
        self.history.forget(upright_since_s)

    def _lying_still(self, now: BodyGeometry) -> Iterator[Finding]:
        """Warn of somebody who lies still outside a bed without a fall having been seen."""
        wanted_s = self._params.lying_still_s
        lies = now.trunk_deg > 60 and self.episode is None and self.state is not State.IN_BED
        if wanted_s is None or not lies or self.history.motion() > STILL:
            self._still_since_s, self._still_told = None, False
            return
        if self._still_since_s is None:
            self._still_since_s = now.time_s
        if not self._still_told and now.time_s - self._still_since_s >= wanted_s:
            self._still_told = True
            message = f"lies still outside a bed for {wanted_s:.0f} s; no fall was seen"
            yield Finding("lying_still", Severity.WARNING, self._still_since_s, message, {"still_s": wanted_s})
