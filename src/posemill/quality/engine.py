"""Great Expectations, imported in one place: without warnings and without analytics."""

from __future__ import annotations

import os
import warnings
from typing import Any


def great_expectations() -> Any:
    """Import the module, with its expectations registered. The first call takes seconds."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read at import
    with warnings.catch_warnings():
        # its own imports use what marshmallow and others deprecate: not ours to change, and not the user's
        warnings.simplefilter("ignore")
        import great_expectations as gx
        import great_expectations.expectations.core
    return gx
