"""Examples that were recorded in the live page's teach mode, each a medium with its activity and subject."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posemill.errors import InputError
from posemill.ingest.sequence import LABELLER, Fault, Sequence, SequenceStream
from posemill.prediction.taught import read_taught
from posemill.untrusted import untrusted


def sequences(path: Path, *, dataset: str) -> SequenceStream:
    """Read every example of a file. Errors: InputError where the file is none of teach mode."""
    content = read_taught(path)
    for example in content.examples:
        name = f"{example.activity}-{example.id}"
        try:
            with untrusted(name, passing=(ValueError,)):
                tracks = example.tracks(content.body)
        except (InputError, ValueError) as exc:
            yield Fault(name, f"{name}: {exc}")
            continue
        tracks = replace(tracks, medium=f"{dataset}/{name}", labeller=LABELLER)
        yield Sequence(name, example.activity, None, tracks, subject=f"{dataset}/{example.subject}")
