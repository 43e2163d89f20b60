"""Every error that posemill raises on purpose.

PosemillError
├── InputError            what a person gave is wrong; the message says what to do
│   ├── ParamsError       params.yaml: unknown key, wrong type, out of range
│   ├── UnreadableMedia   a file that cannot be decoded; goes to quarantine
│   ├── SkeletonError     keypoints that do not fit a skeleton, or a conversion that cannot be done
│   └── CheckpointError   weights with a wrong digest, format, skeleton or class list
├── QualityError          a validation suite failed for the set as a whole
├── GateError             a figure is below its gate; nothing is packaged
└── Unavailable           database, store or server away: trying again may help
"""


class PosemillError(Exception):
    """Base class. `retryable` tells an orchestrator whether the same call may succeed later."""

    retryable = False


class InputError(PosemillError):
    """What a person gave is wrong; the message says what was expected, what came and what to do."""


class ParamsError(InputError):
    """params.yaml does not parse; the message lists every fault with its key."""


class UnreadableMedia(InputError):
    """A medium that cannot be decoded. The caller puts it into quarantine and goes on."""


class SkeletonError(InputError):
    """Keypoints that do not fit their skeleton, or a conversion that would invent keypoints."""


class CheckpointError(InputError):
    """Weights whose digest, format, skeleton or class list is not the expected one."""


class QualityError(PosemillError):
    """A validation suite failed for the set as a whole (or ran no expectation at all)."""


class GateError(PosemillError):
    """A measured figure is on the wrong side of its gate; the message names both numbers."""


class Unavailable(PosemillError):
    """Database, store or server cannot be reached now."""

    retryable = True
