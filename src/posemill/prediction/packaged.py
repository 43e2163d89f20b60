"""The activity model that comes with posemill: where it is, and what it is called.

It was trained on rendered people only (tools/train_packaged_model.py); its card is beside it.
"""

from __future__ import annotations

from pathlib import Path

PACKAGED = Path(__file__).parent / "packaged_model"
