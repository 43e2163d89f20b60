"""The base of every section of params.yaml."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from posemill.errors import ParamsError, validation_faults
from posemill.text_file import read_text

S = TypeVar("S", bound="Section")


class RenamedKey(DeprecationWarning):
    """A key of params.yaml has an old name, which is read for one more release."""


class Section(BaseModel):
    """Frozen; an unknown key is an error, since a typing slip would silently do nothing.

    renamed  old name of a key -> its name now; the old one is read with a warning.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    renamed: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @model_validator(mode="before")
    @classmethod
    def _read_renamed_keys(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not (old := [key for key in given if key in cls.renamed]):
            return given
        for key in old:
            if cls.renamed[key] in given:
                raise ValueError(f"{key} is the old name of {cls.renamed[key]}: give one of them")
            warnings.warn(f"params.yaml: {key} is deprecated: use {cls.renamed[key]}", RenamedKey, stacklevel=2)
        return {cls.renamed.get(key, key): value for key, value in given.items()}


def read(path: Path) -> dict[str, Any]:
    """Return the plain content of params.yaml; ParamsError where there is none, or no mapping in it."""
    try:
        content = yaml.safe_load(read_text(path))
    except FileNotFoundError:
        raise ParamsError(f"no {path}: run posemill in a workspace (a folder with params.yaml and dvc.yaml)") from None
    except yaml.YAMLError as exc:
        raise ParamsError(f"{path} is not YAML: {exc}") from exc
    if content is not None and not isinstance(content, dict):
        raise ParamsError(f"{path} should be a mapping of sections, came a {type(content).__name__}")
    return content or {}


def parse(content: Any, model: type[S], path: Path) -> S:
    """Validate plain values as a section; ParamsError lists every fault with file and key."""
    try:
        return model.model_validate(content)
    except ValidationError as exc:
        faults = validation_faults(exc, given=True)
        raise ParamsError(f"{path}: {faults}") from exc


def load_section(path: Path, name: str, model: type[S]) -> S:
    """Return one section of params.yaml, its defaults where the file has none.

    For a stage that reads a section which is not its own: it then depends on that one alone.
    """
    return parse(read(path).get(name) or {}, model, path)
