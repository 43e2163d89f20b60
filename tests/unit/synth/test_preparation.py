"""Activities that begin and end within a clip: the intervals say when, and the motion before and after is calm."""

from __future__ import annotations

import numpy as np

from posemill.synth import activities
from posemill.synth.motion import Style
from posemill.synth.preparation import LEAST_LEFT, prepared

TIME = np.arange(240) / 60.0
STYLE = Style(tempo=1.0, amplitude=1.0, asymmetry=0.0, stoop_deg=0.0, restless=1.0)


def test_without_a_share_the_activity_fills_the_clip() -> None:
    performed = prepared(activities.jumping_jack, "jumping_jack", share=0.0)(TIME, STYLE, np.random.default_rng(0))
    assert performed.intervals == ((TIME[0], TIME[-1], "jumping_jack"),)


def test_before_and_after_it_somebody_stands_or_walks() -> None:
    perform, calm = prepared(activities.jumping_jack, "jumping_jack", share=1.0), 0
    for seed in range(20):
        performed = perform(TIME, STYLE, np.random.default_rng(seed))
        (start, end, name), *others = performed.intervals
        assert name == "jumping_jack"
        assert end - start >= (LEAST_LEFT - 1e-6) * TIME[-1]
        assert others
        assert {what for _, _, what in others} <= {"stand", "walk"}
        np.testing.assert_allclose(sum(e - s for s, e, _ in performed.intervals), TIME[-1])
        arms = performed.motion.channels["left_arm_abduct"]
        for begin, finish, _ in others:
            inside = np.abs(TIME - (begin + finish) / 2) < (finish - begin) / 2 - 0.45
            calm += int(inside.any())
            assert (arms[inside] < 80).all()  # nobody throws an arm up in between
    assert calm > 5


def test_what_is_done_on_the_hands_is_left_as_it_is() -> None:
    performed = prepared(activities.push_up, "push_up", share=1.0)(TIME, STYLE, np.random.default_rng(0))
    assert [name for _, _, name in performed.intervals] == ["push_up"]
