"""Which objects come of a person's data: by what runs of stages read and wrote."""

from __future__ import annotations

import pytest

from posemill.erasure.dvc_objects import StageRun, spread


def run(reads: str, writes: str) -> StageRun:
    """A run by letters, each an object."""
    return StageRun(frozenset(reads), frozenset(writes))


@pytest.mark.parametrize(
    ("named", "runs", "expected"),
    [
        ("a", [], "a"),
        ("a", [run("a", "b"), run("b", "c"), run("c", "d")], "abcd"),
        ("a", [run("b", "c"), run("x", "ab")], "abc"),  # what the run wrote beside it, and what came of that
        ("a", [run("x", "y"), run("y", "z")], "a"),
        ("a", [run("a", "be"), run("x", "ye")], "ab"),  # e was written without her as well
        ("a", [run("a", "be"), run("x", "ye"), run("e", "f")], "ab"),  # and nothing of her is in what came of e
        ("a", [run("a", "be"), run("b", "ye"), run("e", "f")], "abeyf"),  # unless that run had her too
        ("a", [run("a", "b"), run("b", "a")], "ab"),
    ],
)
def test_spread(named: str, runs: list[StageRun], expected: str) -> None:
    assert spread(set(named), runs) == set(expected)
    assert spread(set(named), runs[::-1]) == set(expected)
