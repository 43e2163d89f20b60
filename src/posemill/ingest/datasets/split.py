"""Official splits given as lists of names, such as PYSKL's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from posemill.errors import InputError

NONE = "none"


def official_split(lists: Mapping[str, Sequence[str]], chosen: str | None, where: str) -> dict[str, str]:
    """Return `train` or `test` by sample name, from lists whose names say their side: train, train1, xsub_train, ...

    chosen  a part of the lists' names where there is more than one pair, such as `xsub`; `none` = no split at all.
    Where there is `val` beside `test`, it is training: validation is chosen here, by subject.
    Errors: InputError that lists the names when they do not make one pair; a name on both sides is `both`.

    Examples:
        >>> official_split({"xsub_train": ["a", "b"], "xsub_val": ["c"]}, "xsub", "file.pkl")
        {'a': 'train', 'b': 'train', 'c': 'test'}
    """
    if chosen == NONE or (chosen is None and not any(_role(name) for name in lists)):
        return {}
    names = [name for name in lists if _role(name) and (chosen is None or chosen in name)]
    roles = {role: [name for name in names if _role(name) == role] for role in ("train", "val", "test")}
    if not roles["test"]:
        roles |= {"test": roles["val"], "val": []}
    if any(len(members) > 1 for members in roles.values()) or not roles["train"] or not roles["test"]:
        raise InputError(
            f"{where}: --split should choose one list for training and one for test, or `none`; "
            f"{chosen or 'without it that'} means {', '.join(names) or 'none'} of {', '.join(lists)}"
        )
    split: dict[str, str] = {}
    for role, side in (("train", "train"), ("val", "train"), ("test", "test")):
        for name in (n for key in roles[role] for n in lists[key]):
            split[name] = side if split.get(name, side) == side else "both"
    return split


def _role(name: str) -> str | None:
    return next((role for role in ("train", "val", "test") if role in name.lower()), None)
