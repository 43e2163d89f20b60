"""Untrusted input: whatever damaged or hostile content leads a reader to becomes one InputError with its place.

A file of another tool has no schema that its reader could check first, and the libraries that parse one raise what they
happen to come across: a missing key, a type, a recursion, a token. None of it may end a program that reads a thousand
other files, and none of it may reach a client as a fault of the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from posemill.errors import InputError, PosemillError

P = ParamSpec("P")
T = TypeVar("T")
PANIC = "PanicException"  # of libraries in Rust, such as polars; no subclass of Exception
LONGEST = 300  # characters of a library's own words


@contextmanager
def untrusted(
    where: str, error: type[InputError] = InputError, passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Raise an InputError for any exception within, but posemill's own.

    Args:
        where: the file's name, for the sentence.
        error: the class to raise.
        passing: exceptions that are no fault of the content.

    Examples:
        >>> with untrusted("clip.json"):
        ...     {}["keypoints"]
        Traceback (most recent call last):
        posemill.errors.InputError: clip.json is not as expected: KeyError: 'keypoints'
    """
    untouched: tuple[type[Exception], ...] = (PosemillError, *passing)
    try:
        yield
    except untouched:
        raise
    except MemoryError as exc:
        raise error(f"{where} cannot be read: it asks for more memory than there is") from exc
    except BaseException as exc:
        if not isinstance(exc, Exception) and type(exc).__name__ != PANIC:
            raise
        raise error(f"{where} is not as expected: {reason(exc)}") from exc


def reason(exc: BaseException) -> str:
    """Return an exception as one short line."""
    return f"{type(exc).__name__}: {' '.join(str(exc).split())[:LONGEST]}".removesuffix(": ")


def untrusted_stream(
    read: Callable[Concatenate[Path, P], Iterator[T]],
) -> Callable[Concatenate[Path, P], Iterator[T]]:
    """Decorate a generator that reads a path: what goes wrong while it reads is an InputError, see `untrusted`."""

    @wraps(read)
    def stream(path: Path, /, *arguments: P.args, **options: P.kwargs) -> Iterator[T]:
        with untrusted(path.name):
            yield from read(path, *arguments, **options)

    return stream
