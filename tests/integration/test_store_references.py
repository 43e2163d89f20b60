"""Clips and media are named by numbers and digests of any length, and what could be both is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from posemill.errors import InputError
from posemill.store import catalog
from posemill.store.media import digest_of
from posemill.store.references import find_any_medium, resolve

A, DIGITS = "a" * 64, "123456" + "b" * 58


def fill(connection: Connection, clip: int, medium: int = 1) -> None:
    """Media A and DIGITS from number `medium` on; A has a clip of 1 to 2.5 s from number `clip` on."""
    for table, number in (("clip", clip), ("medium", medium)):
        connection.execute(text(f"SELECT setval('{table}_id_seq', {number}, false)"))
    catalog.add_media(connection, [catalog.MediumRow(m, "home", f"{m[:6]}.mp4", "ann") for m in (A, DIGITS)])
    catalog.add_clips(connection, [catalog.ClipRow(A, "ann", 1, 2.5, "squat"), catalog.ClipRow(A, "ann", 3)])


@pytest.mark.parametrize("number", [1, 99_999, 100_000, 1_234_567_890])
def test_a_clip_is_named_by_its_number(engine: Engine, number: int) -> None:
    with engine.begin() as connection:
        fill(connection, number)
        for word in (str(number), f"clip:{number}"):
            found = resolve(connection, word)
            assert found.clip is not None
            assert (found.medium["digest"], found.clip["clip"], found.start_s, found.end_s) == (A, number, 1.0, 2.5)
        assert resolve(connection, str(number + 1)).end_s == float("inf")
        for word in (str(number + 2), f"clip:{number + 2}"):
            with pytest.raises(InputError, match=f"there is no clip {number + 2}: see"):
                resolve(connection, word)


def test_a_digest_of_digits_is_a_medium_unless_a_clip_has_that_number(engine: Engine) -> None:
    with engine.begin() as connection:
        fill(connection, 123_456)
        for word, digest in (("123456bb", DIGITS), ("medium:123456", DIGITS), (DIGITS, DIGITS), ("aaaaaa", A)):
            found = resolve(connection, word)
            assert (found.medium["digest"], found.clip) == (digest, None)
            assert (found.start_s, found.end_s) == (0.0, float("inf"))
        with pytest.raises(
            InputError, match=r"both clip 123456 and the beginning of medium 123456bbbbbb: .*clip:123456"
        ):
            resolve(connection, "123456")
        assert resolve(connection, "clip:123456").clip is not None
        catalog.remove_clip(connection, 123_456, "ann")
        assert resolve(connection, "123456").medium["digest"] == DIGITS
        with pytest.raises(InputError, match="names no clip"):
            resolve(connection, "clip:aaaaaa")
        for word in ("aaa", "cccccc", "medium:12345", "1" * 64, "١٢"):
            with pytest.raises(InputError, match="a digest that begins with"):
                resolve(connection, word)


def test_a_medium_is_named_by_its_number_too(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        fill(connection, 1, 123_455)
        assert find_any_medium(connection, "123455")["digest"] == A
        for word in (A, "aaaaaa", "aaaaaa.mp4"):
            assert find_any_medium(connection, word)["digest"] == A
        catalog.add_media(connection, [catalog.MediumRow("123455" + "c" * 58, "home", "c.mp4", "ann")])
        with pytest.raises(InputError, match="more than one"):
            find_any_medium(connection, "123455")
        assert find_any_medium(connection, "123456")["digest"] == DIGITS  # number and digest of one medium
        (tmp_path / "here.mp4").write_text("x")
        with pytest.raises(InputError, match="no medium is"):
            find_any_medium(connection, str(tmp_path / "here.mp4"))
        digest = digest_of(tmp_path / "here.mp4")
        catalog.add_media(connection, [catalog.MediumRow(digest, "home", "h", "ann")])
        assert find_any_medium(connection, str(tmp_path / "here.mp4"))["digest"] == digest
