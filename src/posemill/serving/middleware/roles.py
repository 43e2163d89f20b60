"""Roles that endpoints ask for: asking and looking is a viewer's task, whatever else is listed here."""

from __future__ import annotations

from posemill.store.roles import Role

_TASKS: tuple[tuple[str, str, Role], ...] = (  # method, path, whose task it is
    ("POST", "/feedback", "annotator"),
    ("POST", "/judgements", "annotator"),
    ("POST", "/verdicts", "approver"),
    ("GET", "/metrics", "operator"),
)


def task_of(method: str, path: str) -> Role:
    """Return whose task a request is.

    Examples:
        >>> task_of("POST", "/feedback"), task_of("POST", "/analyse_video")
        ('annotator', 'viewer')
    """
    method, path = ("GET" if method == "HEAD" else method), path.rstrip("/") or "/"
    return next((role for m, p, role in _TASKS if m == method and p == path), "viewer")
