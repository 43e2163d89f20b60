from hypothesis import given
from hypothesis import strategies as st

from posemill.features.splits import ClipMeta, group_subjects, split_subjects

CLIPS = [ClipMeta(f"s{s}", a) for s in range(12) for a in ("walk", "squat", "wave") for _ in range(2)]


def test_every_activity_is_in_every_split_in_about_the_wanted_shares() -> None:
    split = split_subjects(CLIPS, validation=0.17, test=0.25, seed=0)
    assert sorted(split) == sorted({c.subject for c in CLIPS})
    number = {s: sum(v == s for v in split.values()) for s in ("train", "validation", "test")}
    assert number == {"train": 7, "validation": 2, "test": 3}


def test_the_seed_decides() -> None:
    assert split_subjects(CLIPS, 0.2, 0.2, seed=3) == split_subjects(CLIPS, 0.2, 0.2, seed=3)
    assert len({tuple(split_subjects(CLIPS, 0.2, 0.2, seed=s).items()) for s in range(5)}) > 1


def test_an_official_split_is_kept_and_validation_comes_out_of_its_train() -> None:
    clips = [ClipMeta(f"s{i}", "walk" if i % 2 else "run", "test" if i < 20 else "train") for i in range(40)]
    split = split_subjects(clips, validation=0.2, test=0.25, seed=0)
    assert all((split[c.subject] == "test") == (c.official == "test") for c in clips)
    assert sum(v == "validation" for v in split.values()) == 4


def test_a_rare_activity_reaches_all_three_splits() -> None:
    clips = [*CLIPS, *(ClipMeta(f"s{i}", "fall") for i in (1, 5, 9))]
    for seed in range(10):
        split = split_subjects(clips, 0.15, 0.2, seed)
        assert {split[f"s{i}"] for i in (1, 5, 9)} == {"train", "validation", "test"}


def test_a_dataset_of_few_subjects_with_many_clips_does_not_fill_validation_alone() -> None:
    real = [ClipMeta(f"r{i}", "walk", "train", "real") for i in range(100)]
    rendered = [ClipMeta(f"s{i % 4}", "walk", "train", "rendered") for i in range(200)]
    split = split_subjects([*real, *rendered], validation=0.2, test=0.25, seed=0)
    assert sum(split[c.subject] == "validation" for c in real) == 20
    assert sum(split[c.subject] == "validation" for c in rendered) == 50


def test_the_only_subject_of_an_activity_stays_in_train() -> None:
    split = split_subjects([*CLIPS, ClipMeta("s4", "fall")], 0.2, 0.3, seed=1)
    assert split["s4"] == "train"


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from("abc")), max_size=60), st.integers(0, 5))
def test_train_keeps_every_activity(rows: list[tuple[int, str]], seed: int) -> None:
    clips = [ClipMeta(f"s{s}", a) for s, a in rows]
    split = split_subjects(clips, 0.2, 0.3, seed)
    assert {c.activity for c in clips if split[c.subject] == "train"} == {c.activity for c in clips}


def test_whoever_shares_a_medium_belongs_together() -> None:
    pairs = [("d", "1"), ("b", "1"), ("c", "2"), ("b", "3"), ("a", "3"), ("e", "4"), ("e", "5")]
    assert group_subjects(pairs) == {"a": "a", "b": "a", "d": "a", "c": "c", "e": "e"}
    assert group_subjects(reversed(pairs)) == group_subjects(pairs)
