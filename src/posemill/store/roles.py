"""Roles of API keys: what the holder of a key may do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Role = Literal["viewer", "annotator", "approver", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
DEFAULT: Role = "annotator"  # what a client needs: answers, and to say which are wrong

# role -> the roles whose tasks it may do too
INCLUDES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "viewer": frozenset({"viewer"}),
        "annotator": frozenset({"viewer", "annotator"}),
        "approver": frozenset({"viewer", "annotator", "approver"}),
        "operator": frozenset({"viewer", "operator"}),
        "admin": frozenset(ROLES),
    }
)


def may(role: str, task_of: Role) -> bool:
    """Return whether a role may do what another one is for.

    Examples:
        >>> may("admin", "annotator"), may("operator", "annotator")
        (True, False)
    """
    return task_of in INCLUDES.get(role, frozenset())
