"""Which licence applies to whoever offers what poses with a backend."""

from __future__ import annotations

from posemill.estimation.registry import find_backend

OWN = "Apache-2.0"


def licence(backend: str | None) -> str:
    """SPDX expression of a program that poses with that backend; None = it does not pose. InputError for no backend."""
    code = OWN if backend is None else find_backend(backend).code_licence
    return code if code == OWN or code.startswith("AGPL") else f"{OWN} AND {code}"


def obligations(backend: str) -> str:
    """What a reader of the model card should know of it, as sentences."""
    entry = find_backend(backend)
    says = f"Posing videos uses `{backend}`, whose code is {_bold(entry.code_licence)}"
    if entry.code_licence.startswith("AGPL"):
        says += ": whoever offers `posemill-analysis` over a network must offer its source, and that of changes to it"
    return f"{says}. Its weights: {entry.weights_licence}."


def _bold(name: str) -> str:
    return name if name == OWN else f"**{name}**"
