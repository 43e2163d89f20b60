"""calibration.json: temperature and rejection threshold of a model, fitted by evaluation and used by every runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REJECTION_THRESHOLD = "rejection_threshold"
FORMER_NAME = "abstain_below"  # in packages and build folders of former releases


def rejection_threshold(fields: Mapping[str, Any]) -> float | None:
    """Return the rejection threshold in calibration.json, or in metrics.json; None where the model never abstains.

    Examples:
        >>> rejection_threshold({"temperature": 1.2, "rejection_threshold": 0.6})
        0.6
        >>> rejection_threshold({"temperature": 1.2, "abstain_below": 0.6})
        0.6
        >>> rejection_threshold({"temperature": 1.2})
    """
    threshold = fields.get(REJECTION_THRESHOLD, fields.get(FORMER_NAME))
    return None if threshold is None else float(threshold)
