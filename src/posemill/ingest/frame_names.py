"""Frame numbers in the names of pictures: `frame_000012.jpg`, `12.png`, `clip_0012_cam2.png`, `7.0`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from posemill.errors import InputError

_NUMBER = re.compile(r"\d+")
_DECIMAL = re.compile(r"-?\d+\.\d*")


def numbers_of(names: Sequence[Any], where: str) -> list[int]:
    """Return the frame number in each of these names, of which one may come several times.

    It is the last number of a name; where that is the same in all (a camera's), the last one that differs.

    Errors: InputError for a name without a number, half a frame, one below 0, or two names with one number.

    Examples:
        >>> numbers_of(["f_01_cam2.jpg", "f_02_cam2.jpg", "f_02_cam2.jpg"], "poses.json")
        [1, 2, 2]
        >>> numbers_of([0, 1.0, "2.0"], "poses.csv")
        [0, 1, 2]
    """
    texts = [str(name) for name in names]
    different = list(dict.fromkeys(texts))
    found = {text: _numbers(text, where) for text in different}
    shortest = min((len(numbers) for numbers in found.values()), default=1)
    place = next((p for p in range(1, shortest + 1) if len({n[-p] for n in found.values()}) > 1), 1)
    named: dict[int, str] = {}
    for text, numbers in found.items():
        other = named.setdefault(numbers[-place], text)
        if other != text:
            raise InputError(
                f"{where}: {other} and {text} are both frame {numbers[-place]}: give each video a file of its own, and "
                "every frame a number"
            )
    return [found[text][-place] for text in texts]


def _numbers(text: str, where: str) -> list[int]:
    text = text.strip()
    if _DECIMAL.fullmatch(text):
        if float(text) != int(float(text)):
            raise InputError(f"{where}: frame {text} is no whole number")
        text = str(int(float(text)))
    if re.fullmatch(r"-\d+", text):
        raise InputError(f"{where}: frame {text} is below 0")
    numbers = [int(number) for number in _NUMBER.findall(PurePosixPath(text.replace("\\", "/")).stem)]
    if not numbers:
        raise InputError(f"{where}: {text!r} has no frame number")
    return numbers
