"""Sphinx: the documentation as a site with an API reference from the docstrings. Builds offline (`make docs`)."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
shutil.rmtree(ROOT / "docs" / "api" / "generated", ignore_errors=True)  # pages of modules that are gone

project = "posemill"
author = "the posemill authors"
release = version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = "posemill"
html_copy_source = False
html_show_sphinx = False
html_static_path: list[str] = []

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # howtos begin with their own levels

autodoc_typehints = "none"  # signatures have them, and docstrings say shapes and units
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = True
autosummary_ignore_module_all = False
default_role = "code"

_COLUMN = re.compile(r"^ *(\w[\w, ]*?(?: \w+)*)  +(\S.*)$")  # `name  what it is`, as the docstrings list fields
_SECTION = re.compile(r"^ *(Args|Attributes|Examples|Note|Raises|Returns|Yields):$")  # napoleon's
_SPECIAL = re.compile(r"(``.+?``|`.+?`)|([*|]|(?<=\w)_(?!\w))")


def setup(app: Any) -> None:
    """Docstrings are plain text with columns; make them reStructuredText before napoleon sees them."""
    app.connect("autodoc-process-docstring", _to_rest, priority=400)


def _to_rest(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    out: list[str] = []
    code = in_column = in_section = False
    for line in lines:
        text, indent = line.strip(), len(line) - len(line.lstrip())
        code = text.startswith((">>>", "...")) or (code and bool(text))
        in_section = bool(_SECTION.match(line)) or (in_section and (not text or indent > 0))
        column = None if code or in_section else _COLUMN.match(line)
        if code:
            out.append(line)
        elif column:
            if out and out[-1] and not in_column:
                out.append("")
            out += [f"``{column[1]}``", f"    {_escaped(column[2])}"]
        elif in_column and indent and text:
            out.append(f"    {_escaped(text)}")
        else:
            if out and out[-1].strip() and not in_section and indent != len(out[-1]) - len(out[-1].lstrip()):
                out.append("")  # an indented block begins or ends
            out.append(_escaped(line))
        in_column = bool(column) or (in_column and bool(indent and text))
    lines[:] = out


def _escaped(line: str) -> str:
    """Escape what reStructuredText would take as markup; `code` is ``code``."""
    return _SPECIAL.sub(lambda m: f"``{m[1].strip('`')}``" if m[1] else f"\\{m[2]}", line)
