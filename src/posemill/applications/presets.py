"""Parameters of an application from a YAML file: a user's own, or one of the presets that come with it."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from posemill.applications.registry import find_application
from posemill.errors import InputError
from posemill.text_file import read_text

DEEPEST = 30
LONGEST = 16 * 1024  # characters of parameters; a service reads those of its clients


def preset_names(application: str) -> tuple[str, ...]:
    """Return the names of the presets of an application."""
    folder = _folder(application)
    if folder is None or not folder.is_dir():
        return ()
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))


def load_params(application: str, preset: str) -> dict[str, Any]:
    """Read the parameters of a preset by name, or of a YAML file by its path.

    Errors: InputError where there is neither, or the file is no mapping; unknown keys are found by the application.
    """
    path = Path(preset)
    if path.is_file():
        return parse_params(read_text(path), str(path))
    folder = _folder(application)
    if folder is not None and preset in preset_names(application):
        return parse_params(folder.joinpath(f"{preset}.yaml").read_text(encoding="utf-8"), preset)
    known = ", ".join(preset_names(application)) or "none"
    raise InputError(f"there is no file {preset} and no such preset of application {application}; presets: {known}")


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, a few lines of which can stand for gigabytes in the sentence of an error, and not deep."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name) is not read here: write the value out")
        if self.depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested deeper than {DEEPEST} levels")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def parse_params(text: str, name: str) -> dict[str, Any]:
    """Parse YAML text of parameters. Errors: InputError where it is no mapping."""
    if len(text) > LONGEST:
        raise InputError(f"{name}: parameters have {len(text)} characters, at most {LONGEST} are read")
    try:
        values = yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, ValueError) as exc:
        raise InputError(f"{name} is no YAML: {' '.join(str(exc).split())}") from exc
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"{name}: parameters should be a mapping of names to values, came {type(values).__name__}")
    return {str(key): value for key, value in values.items()}


def _folder(application: str) -> Traversable | None:
    """The folder of presets beside the application's module."""
    package = find_application(application).__module__.rpartition(".")[0]
    return files(package).joinpath("presets") if package else None
