"""Exceptions raised by posemill.

PosemillError
├── InputError            invalid input; the message says how to correct it
│   ├── ParamsError       params.yaml: unknown key, wrong type or value out of range
│   ├── UnreadableMedia   media file that cannot be decoded; goes to quarantine
│   │   └── ReaderEnded   its sandboxed reader crashed, hung or needed too much memory
│   ├── SkeletonError     keypoints that do not fit a skeleton, or an impossible conversion
│   └── CheckpointError   weights with an unexpected digest, format, skeleton or class list
├── QualityError          a validation suite failed for the data set as a whole
├── GateError             a metric is on the wrong side of its gate; nothing is packaged
└── Unavailable           database, store or server cannot be reached; retryable
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class PosemillError(Exception):
    """Base class of all exceptions raised by posemill.

    retryable  class attribute: True if the same call may succeed later, as an orchestrator needs to know.

    Examples:
        >>> try:
        ...     raise Unavailable("the database does not answer")
        ... except PosemillError as exc:
        ...     print(exc.retryable)
        True
    """

    retryable = False


class InputError(PosemillError):
    """Invalid input. The message says what was expected, what was given and how to correct it."""


class ParamsError(InputError):
    """Invalid params.yaml. The message lists every error with its key."""


class UnreadableMedia(InputError):
    """A medium that cannot be decoded. Callers put it into quarantine and continue."""


class ReaderEnded(UnreadableMedia):
    """A medium whose sandboxed reader ended, hung or needed too much memory: by its fault, or by the machine's.

    Whoever may try again later does so, a limited number of times.
    """


class SkeletonError(InputError):
    """Keypoints that do not fit their skeleton, or a conversion that would have to invent keypoints."""


class CheckpointError(InputError):
    """Weights with an unexpected digest, format, skeleton or class list."""


class QualityError(PosemillError):
    """A validation suite failed for the data set as a whole, or contained no expectation."""


class GateError(PosemillError):
    """A metric is on the wrong side of its gate. The message contains both numbers."""


class Unavailable(PosemillError):
    """Database, store or server cannot be reached at the moment."""

    retryable = True


class _Validation(Protocol):
    """Interface of pydantic's ValidationError, so that this file does not need pydantic."""

    def errors(self) -> Sequence[Any]: ...


def validation_faults(exc: _Validation, prefix: str = "", *, given: bool = False) -> str:
    """Describe all faults of a pydantic ValidationError in one phrase: field and sentence each.

    Args:
        exc: the ValidationError.
        prefix: before every field, as `train.`.
        given: True adds the value that came.
    """
    return "; ".join(
        f"{prefix}{'.'.join(map(str, e['loc']))}: {e['msg']}" + (f" (got {e['input']!r})" if given else "")
        for e in exc.errors()
    )
