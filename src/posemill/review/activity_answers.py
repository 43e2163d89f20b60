"""Activities that annotators gave to the clips that were asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import RowMapping

from posemill.features.verdict import NONE_OF_THESE
from posemill.formats.frames import Annotations


def activity_answers(
    items: Iterable[RowMapping], answers: Annotations, frames_of: Callable[[RowMapping], Sequence[int]]
) -> list[tuple[RowMapping, str | None]]:
    """Return the items that a file answers, with the activity; None: none of these.

    What differs from the prediction counts, so that one frame of a clip is enough to change it; where no frame differs
    the prediction is confirmed. Frames that differ in two ways go to the faults of `answers`.
    """
    found: list[tuple[RowMapping, str | None]] = []
    for item in items:
        said = [answers.activities.get((item["medium"], n), {}).get(item["person"]) for n in frames_of(item)]
        named = [name for name in said if name is not None]
        if not named:
            continue
        changed = sorted(set(named) - {item["predicted"]["activity"]})
        if len(changed) > 1:
            answers.faults.append(
                f"clip {item['clip']} (review item {item['item']}) is {' and '.join(changed)} in different frames"
            )
            continue
        activity = changed[0] if changed else item["predicted"]["activity"]
        found.append((item, None if activity == NONE_OF_THESE else activity))
    return found
