from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from posemill.applications.yoga.hold_timer import NOTHING, Hold, HoldTimer, Recognised

TREE = Recognised("tree", "left", enters=True, keeps=True)
FAINT = Recognised("tree", "left", enters=False, keeps=True)
CHAIR = Recognised("chair", None, enters=True, keeps=True)


def holds(seen: Sequence[Recognised], step_s: float = 0.1, min_hold_s: float = 1.0) -> list[Hold]:
    timer = HoldTimer(min_hold_s=min_hold_s, release_s=0.5)
    ended = [hold for i, each in enumerate(seen) for hold in timer.update(i * step_s, each)]
    return ended + timer.finish()


def test_a_hold_lasts_from_its_first_to_its_last_sighting() -> None:
    (hold,) = holds([NOTHING] * 5 + [TREE] * 31 + [NOTHING] * 20)
    assert (hold.name, hold.side) == ("tree", "left")
    assert abs(hold.start_s - 0.5) < 1e-9
    assert abs(hold.hold_s - 3.0) < 1e-9


def test_a_short_loss_does_not_end_it_and_a_long_one_does() -> None:
    assert [round(h.hold_s, 6) for h in holds([TREE] * 15 + [NOTHING] * 4 + [TREE] * 15)] == [3.3]
    assert len(holds([TREE] * 15 + [NOTHING] * 9 + [TREE] * 15)) == 2


def test_a_faint_pose_goes_on_but_does_not_begin() -> None:
    assert holds([FAINT] * 40) == []
    assert len(holds([TREE] + [FAINT] * 40)) == 1


def test_another_pose_ends_the_hold_after_the_release() -> None:
    assert [h.name for h in holds([TREE] * 20 + [CHAIR] * 25)] == ["tree", "chair"]
    assert [h.name for h in holds([TREE] * 20 + [CHAIR] * 3 + [TREE] * 20)] == ["tree"]


def test_what_is_too_short_is_no_hold() -> None:
    assert holds([TREE] * 9 + [NOTHING] * 10) == []


@given(st.lists(st.sampled_from([TREE, FAINT, CHAIR, NOTHING]), max_size=120))
def test_holds_follow_one_another_and_are_long_enough(seen: list[Recognised]) -> None:
    found = holds(seen)
    assert all(hold.hold_s >= 1.0 - 1e-9 for hold in found)
    assert all(a.last_s < b.start_s for a, b in itertools.pairwise(found))
