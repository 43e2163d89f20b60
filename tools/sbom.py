"""CycloneDX bill of materials of the locked packages: python tools/sbom.py requirements.lock FOLDER"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from posemill.handover.bills import write_sbom
from posemill.handover.packages import locked_packages

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    (folder / "sbom").mkdir(parents=True, exist_ok=True)
    write_sbom(folder, locked_packages(Path(sys.argv[1])), version("posemill"))
    print(folder / "sbom" / "sbom.cdx.json")
