"""Changes between dataset versions whose differences are known, and their page."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from posemill.operations.dataset_versions import Clip, Place, Version, changes, overlap, relabelled_pairs, step, steps
from posemill.operations.dataset_versions_page import versions_page

ANNA, BEN = Clip("squat", "anna"), Clip("wave", "ben")
A, B, C = Place("a" * 64, 0, 4), Place("a" * 64, 4, 8), Place("b" * 64, 0, math.inf)


def version(day: int, clips: dict[Place, Clip], *sources: str, exact: bool = True) -> Version:
    return Version(datetime(2026, 3, day, tzinfo=UTC), sources or (f"commit {day}",), clips, exact)


def kinds(before: dict[Place, Clip], after: dict[Place, Clip]) -> list[tuple[str, str, str]]:
    return [(c.kind, c.before, c.after) for c in changes(before, after)]


def test_every_kind_of_change() -> None:
    assert kinds({}, {A: ANNA}) == [("added", "", "squat")]
    assert kinds({A: ANNA}, {}) == [("removed", "squat", "")]
    assert kinds({A: Clip(None, "anna")}, {A: ANNA}) == [("labelled", "", "squat")]
    assert kinds({A: ANNA}, {A: Clip("lunge", "anna")}) == [("relabelled", "squat", "lunge")]
    assert kinds({A: ANNA}, {A: Clip(None, "anna")}) == [("unlabelled", "squat", "")]
    assert kinds({A: ANNA}, {A: Clip("squat", "ben")}) == [("subject", "anna", "ben")]
    assert kinds({A: ANNA}, {A: Clip("squat", "anna", "test")}) == [("split", "", "test")]
    assert kinds({A: ANNA, C: BEN}, {C: BEN, A: ANNA}) == []


def test_a_clip_with_other_ends_is_the_same_clip_and_may_be_relabelled_too() -> None:
    later = Place(A.medium, 1, 5)
    assert overlap(A, later) == 3 / 5
    assert kinds({A: ANNA}, {later: Clip("lunge", "anna")}) == [
        ("relabelled", "squat", "lunge"),
        ("recut", "0.0 to 4.0 s", "1.0 to 5.0 s"),
    ]
    far = Place(A.medium, 3, 8)
    assert kinds({A: ANNA}, {far: ANNA}) == [("added", "", "squat"), ("removed", "squat", "")]
    assert kinds({C: BEN}, {Place(C.medium, 0, 3): BEN}) == [("recut", "0.0 to the end", "0.0 to 3.0 s")]


def test_of_two_candidates_the_one_with_more_overlap_is_the_same_clip() -> None:
    near, nearer = Place(A.medium, 1, 5), Place(A.medium, 0, 3.5)
    found = changes({A: ANNA}, {near: ANNA, nearer: ANNA})
    assert [(c.kind, c.place) for c in found] == [("added", near), ("recut", nearer)]


def test_steps_are_in_order_of_time_and_equal_neighbours_are_one() -> None:
    first, same = version(2, {A: ANNA}, "commit x"), version(3, {A: ANNA}, "database", exact=False)
    last, back = version(5, {A: ANNA, B: BEN, C: BEN}), version(6, {A: ANNA})
    found = steps([last, same, back, first])
    assert [s.version.sources for s in found] == [("commit x", "database"), ("commit 5",), ("commit 6",)]
    assert found[0].version.exact
    assert found[0].version.at.day == 2
    assert found[0].version.name == found[2].version.name != found[1].version.name
    assert (found[1].count("added"), found[1].classes_added, found[1].subjects_added) == (2, ("wave",), ("ben",))
    assert (found[2].count("removed"), found[2].classes_removed, found[2].media_removed) == (2, ("wave",), 1)
    assert (found[0].count("added"), found[0].classes_added) == (1, ("squat",))
    assert steps([]) == []


def test_names_follow_the_content_only() -> None:
    one = version(1, {A: ANNA, C: BEN})
    assert one.name == version(9, {C: BEN, A: ANNA}, "elsewhere").name
    assert one.name != version(1, {A: ANNA, C: Clip("wave", "ben", "test")}).name
    assert len(one.name) == 10


def test_relabelled_pairs_are_counted() -> None:
    before = {Place("a" * 64, n, n + 1): Clip("squat" if n < 3 else "wave") for n in range(5)}
    after = {place: Clip("lunge") for place in before}
    assert relabelled_pairs(changes(before, after)) == [("squat", "lunge", 3), ("wave", "lunge", 2)]


def test_json_has_the_figures() -> None:
    found = step(version(1, {A: ANNA}), version(2, {A: Clip("lunge", "anna"), C: Clip(None)})).to_json()
    assert (found["clips"], found["labelled_clips"], found["classes"], found["subjects"], found["media"]) == (
        2,
        1,
        1,
        1,
        2,
    )
    assert (found["clips_added"], found["clips_relabelled"], found["clips_removed"]) == (1, 1, 0)
    assert (found["classes_added"], found["classes_removed"]) == (["lunge"], ["squat"])


def test_the_page_has_the_newest_version_first_and_escapes_names() -> None:
    wild = Clip("<b>hop</b>", "eve")
    page = versions_page(
        steps([version(1, {A: ANNA, B: ANNA}), version(2, {A: Clip("lunge", "anna"), B: ANNA, C: wild}, exact=False)]),
        "gym",
    ).html()
    assert "<b>hop</b>" not in page
    assert "&lt;b&gt;hop&lt;/b&gt;" in page
    first, second = page.index('<section id="version-'), page.rindex('<section id="version-')
    newest, oldest = page[first:second], page[second:]
    assert "Clips with another label: 1" in newest
    assert "New subjects: eve" in newest
    assert "reconstructed from the database" in newest
    assert "The first version" in oldest
    assert "reconstructed" not in oldest
