"""Every network in a size that a test builds and runs in no time."""

SMALL: dict[str, dict[str, object]] = {
    "tcn": {"width": 16, "dilations": [1, 2]},
    "stgcn": {"widths": [16, 32]},
    "stgcn++": {"widths": [18, 36]},
    "transformer": {"width": 24, "depth": 1, "heads": 2},
    "posec3d": {"base": 8, "cells": 12, "every": 4, "blocks": [1, 1], "dropout": 0.1},
    "posec3d-slowonly": {"base": 8, "cells": 12, "every": 4, "stem": 3, "blocks": [1, 1], "dropout": 0.0},
    "linear": {},
    "mlp": {"width": 16, "dropout": 0.0},
}
