"""Evaluation protocols of published data sets: by what their official split tells training from test."""

from __future__ import annotations

from typing import Literal

SplitBy = Literal["subject", "camera", "setup"]
_NAMES: tuple[tuple[SplitBy, tuple[str, ...]], ...] = (
    ("camera", ("xview", "cross-view", "cross_view", "crossview", "xcam")),
    ("setup", ("xset", "cross-setup", "cross_setup", "crosssetup")),
)


def split_by_of(name: str | None) -> SplitBy:
    """Return what a split of that name is by: cross-view by camera, cross-setup by set-up, any other by subject.

    Examples:
        >>> split_by_of("xview"), split_by_of("xset"), split_by_of("xsub"), split_by_of(None)
        ('camera', 'setup', 'subject', 'subject')
    """
    text = (name or "").casefold()
    return next((by for by, names in _NAMES if any(part in text for part in names)), "subject")
