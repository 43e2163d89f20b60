"""What the small service imports."""

from __future__ import annotations

import subprocess
import sys


def test_the_small_service_needs_neither_torch_nor_openpifpaf() -> None:
    heavy = "torch", "openpifpaf", "pytorch_lightning", "prefect", "pandas", "sqlalchemy", "cv2", "av"
    script = f"import sys, posemill.serving.activity; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
