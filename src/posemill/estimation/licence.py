"""Licence of a program that includes a pose backend, and its obligations."""

from __future__ import annotations

from posemill.estimation.registry import find_backend

OWN = "Apache-2.0"


def licence(backend: str | None) -> str:
    """Return the SPDX expression of a program with that backend; None = without any. InputError for an unknown one."""
    code = OWN if backend is None else find_backend(backend).code_licence
    return code if code == OWN or code.startswith("AGPL") else f"{OWN} AND {code}"


def obligations(backend: str) -> str:
    """Return the obligations of a backend's licence, as sentences for the model card."""
    entry = find_backend(backend)
    text = f"Posing videos uses `{backend}`, whose code is {_bold(entry.code_licence)}"
    if entry.code_licence.startswith("AGPL"):
        text += ": whoever offers `posemill-analysis` over a network must offer its source, and that of changes to it"
    return f"{text}. Its weights: {entry.weights_licence}."


def _bold(name: str) -> str:
    return name if name == OWN else f"**{name}**"
