"""Take the documentation's pictures of reports: each page as a browser shows it, cut to its upper part.

    python tools/pictures_of_pages.py WORKSPACE docs/pictures        (needs Chromium; the workspace is a finished one)

A report that the workspace does not have is named and left out. Reports load nothing from elsewhere, so files suffice.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH_PX, HEIGHT_PX = 1280, 1100
SHOWN_PX = 900  # width of the picture in the documentation
REPORTS = {
    "page-exploration": "build/validate/exploration.html",
    "page-data-docs": "build/validate/docs/index.html",
    "page-evaluation": "build/evaluate/report.html",
    "page-acceptance": "build/uat/*/report.html",
    "page-monitor": "build/monitor/report.html",
    "page-versions": "build/versions/report.html",
    "page-shadow": "build/shadow/report.html",
}


def found(workspace: Path, bundle: Path | None, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Name of the picture and file of every page that is there; of several reports the newest."""
    for name, pattern in REPORTS.items():
        pages = sorted(workspace.glob(pattern))
        if pages:
            yield name, pages[-1]
        else:
            print(f"{name}: no {pattern}", file=sys.stderr)
    if bundle is not None:
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(scratch)
        yield "page-bundle", scratch / "documents" / "index.html"


def main() -> None:
    """Write a WebP picture a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bundle", type=Path, help="a bundle of the workspace, whose own page is taken")
    asked = parser.parse_args()
    browser_path = shutil.which("chromium") or sys.exit("no Chromium here (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
        for name, path in found(asked.workspace, asked.bundle, Path(scratch)):
            page.goto(path.resolve().as_uri())
            picture = Image.open(io.BytesIO(page.screenshot()))
            small = picture.resize((SHOWN_PX, round(HEIGHT_PX * SHOWN_PX / WIDTH_PX)), Image.Resampling.LANCZOS)
            small.save(asked.out / f"{name}.webp", quality=70, method=6)
            print(asked.out / f"{name}.webp")
        browser.close()


if __name__ == "__main__":
    main()
