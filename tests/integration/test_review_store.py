"""Review items and corrections in the database: said once, never lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from posemill.errors import InputError
from posemill.store import catalog
from posemill.store.corrections import Correction, add_corrections, close_corrections, corrections
from posemill.store.reviews import ReviewItem, answer, queue, review_item, review_items

MEDIUM = "a" * 64
ITEM = ReviewItem(MEDIUM, 0, 1.0, 2.0, "bone jumps", 3.0)
KNEE = Correction(MEDIUM, "finder", "coco-17", 0, 12, "left_knee", 10.5, 20.0)


@pytest.fixture(autouse=True)
def _medium(engine: Engine) -> None:
    with engine.begin() as connection:
        catalog.add_dataset(connection, "gym", "ann")
        catalog.add_media(connection, [catalog.MediumRow(MEDIUM, "gym", "a.mp4", "ann")])


def test_queueing_again_changes_nothing(engine: Engine) -> None:
    worse = replace(ITEM, person=1, priority=9.0)
    with engine.begin() as connection:
        assert queue(connection, [ITEM, worse], added_by="queue").added == 2
        again = queue(connection, [ITEM, worse], added_by="queue")
        assert (again.added, again.known, again.gone) == (0, 2, 0)
        rows = review_items(connection)
        assert [(row["person"], row["priority"]) for row in rows] == [(1, 9.0), (0, 3.0)]
        assert [row["person"] for row in review_items(connection, limit=1)] == [1]


def test_what_is_not_among_the_worst_stays_and_what_is_not_found_goes(engine: Engine) -> None:
    worse = replace(ITEM, person=1, priority=9.0)
    with engine.begin() as connection:
        queue(connection, [ITEM, worse], added_by="queue")
        assert queue(connection, [worse], added_by="queue", candidates=[ITEM, worse]).gone == 0
        assert len(review_items(connection)) == 2
        assert queue(connection, [worse], added_by="queue", media=[]).gone == 0  # nothing was looked at
        assert queue(connection, [worse], added_by="queue", media=[MEDIUM]).gone == 1
        assert [row["person"] for row in review_items(connection)] == [1]
        assert review_items(connection, state="dismissed")[0]["answered_by"] == "queue"
        assert queue(connection, [ITEM, worse], added_by="queue").added == 1  # it came back
        assert len(review_items(connection)) == 2
        assert len(review_items(connection, state=None)) == 2


def test_what_a_person_dismissed_stays_dismissed(engine: Engine) -> None:
    with engine.begin() as connection:
        queue(connection, [ITEM], added_by="queue")
        number = review_items(connection)[0]["item"]
        assert answer(connection, [number], "dismissed", annotated_by="ann") == 1
        assert answer(connection, [number], "done", annotated_by="bob") == 0
        queued = queue(connection, [ITEM], added_by="queue")
        assert (queued.added, queued.answered) == (0, 1)
        assert review_items(connection) == []
        found = review_item(connection, number)
        assert (found["state"], found["answered_by"], found["answer"]) == ("dismissed", "ann", None)
        other = replace(ITEM, person=1)
        queue(connection, [other], added_by="queue", candidates=[ITEM, other])
        answer(connection, [row["item"] for row in review_items(connection)], "done", annotated_by="ann")
        assert queue(connection, [other], added_by="queue", candidates=[ITEM, other]).added == 1  # it still looks wrong
        with pytest.raises(InputError, match="no review item 999"):
            review_item(connection, 999)


def test_a_correction_ends_the_one_before(engine: Engine) -> None:
    with engine.begin() as connection:
        assert add_corrections(connection, [KNEE], "ann").added == 1
        assert add_corrections(connection, [KNEE], "bob").known == 1
        moved = replace(KNEE, x_px=11.0)
        assert add_corrections(connection, [moved], "bob").changed == 1
        (now,) = corrections(connection)
        assert (now["x_px"], now["annotated_by"], now["closed_by"]) == (11.0, "bob", None)
        old, _ = corrections(connection, history=True)
        assert (old["x_px"], old["annotated_by"], old["closed_by"]) == (10.5, "ann", "bob")
        assert old["valid_to"] >= old["annotated_at"]
        hidden = replace(KNEE, x_px=None, y_px=None)
        assert add_corrections(connection, [hidden], "ann").changed == 1
        assert add_corrections(connection, [hidden], "ann").known == 1
        assert close_corrections(connection, [corrections(connection)[0]["correction"]], "ann") == 1
        assert corrections(connection) == []
        assert len(corrections(connection, history=True)) == 3


def test_corrections_are_chosen_by_dataset_medium_and_labeller(engine: Engine) -> None:
    with engine.begin() as connection:
        add_corrections(connection, [KNEE, replace(KNEE, labeller="other")], "ann")
        assert len(corrections(connection)) == 2
        assert len(corrections(connection, labeller="other")) == 1
        assert corrections(connection, ["street"]) == corrections(connection, media=[]) == []
        assert len(corrections(connection, ["gym"], media=[MEDIUM])) == 2
        with pytest.raises(InputError, match="b" * 64):
            add_corrections(connection, [KNEE, replace(KNEE, medium="b" * 64)], "ann")
        with pytest.raises(InputError, match="twice"):
            add_corrections(connection, [KNEE, replace(KNEE, x_px=1.0)], "ann")


def test_the_snapshot_sees_every_correction(engine: Engine) -> None:
    def digest(datasets: tuple[str, ...] = ()) -> str:
        with engine.connect() as connection:
            return catalog.inventory(connection, datasets).digest

    nothing = digest()
    with engine.begin() as connection:
        add_corrections(connection, [KNEE], "ann")
    one = digest()
    with engine.begin() as connection:
        add_corrections(connection, [replace(KNEE, x_px=11.0)], "ann")
    other = digest()
    with engine.begin() as connection:
        close_corrections(connection, [row["correction"] for row in corrections(connection)], "ann")
    assert len({nothing, one, other}) == 3
    assert digest() == nothing
