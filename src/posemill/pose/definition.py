"""Skeletons as JSON: a known one is its name, another is written out and so travels with data and model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posemill.errors import SkeletonError
from posemill.pose.skeleton import SKELETONS, Skeleton, skeleton

SIGMA = 0.08  # of a keypoint of which nothing is said: the middle of COCO's
_NEEDED, _MORE = ("name", "keypoints", "edges", "pairs"), ("sigmas",)
LONGEST_NAME = 64
_NAME = re.compile(rf"[a-z0-9][a-z0-9._+-]{{0,{LONGEST_NAME - 1}}}")
_KEYPOINT = re.compile(r"[a-z0-9_]{1,64}")


def definition(body: Skeleton) -> str | dict[str, Any]:
    """What JSON says of a skeleton: its name where that is known everywhere, else all of it."""
    return body.name if SKELETONS.get(body.name) == body else written_out(body)


def fingerprint(body: Skeleton) -> str | None:
    """Of a skeleton of one's own: equal names may stand for different keypoints and bones. None for a known one."""
    if isinstance(said := definition(body), str):
        return None
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def written_out(body: Skeleton) -> dict[str, Any]:
    """All fields of a skeleton, as JSON has them."""
    return {
        "name": body.name,
        "keypoints": list(body.keypoints),
        "edges": [list(edge) for edge in body.edges],
        "pairs": [list(pair) for pair in body.pairs],
        "sigmas": list(body.sigmas),
    }


def defined(said: str | Mapping[str, Any]) -> Skeleton:
    """The way back from `definition`. Errors: SkeletonError for an unknown name, or what is no skeleton, and why."""
    if isinstance(said, str):
        return skeleton(said)
    if wrong := _wrong(said):
        raise SkeletonError(f"this is no definition of a skeleton: {'; '.join(wrong)}")
    names = tuple(said["keypoints"])
    edges, pairs = (tuple((a, b) for a, b in said[what]) for what in ("edges", "pairs"))
    body = Skeleton(said["name"], names, edges, pairs, tuple(said.get("sigmas") or (SIGMA,) * len(names)))
    known = SKELETONS.get(body.name)
    if known is not None and known != body:
        raise SkeletonError(f"{body.name} is the name of a known skeleton, and this is another: call it otherwise")
    return body


def chosen(said: str) -> Skeleton:
    """The skeleton that somebody named: a known one, or the JSON file that says what it is.

    Errors: SkeletonError that names the file and what is wrong with it.
    """
    path = Path(said)
    if said in SKELETONS or path.suffix != ".json":
        return skeleton(said)
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise SkeletonError(f"{path} is no readable JSON: {exc}") from exc
    try:
        return defined(content if isinstance(content, Mapping) else {"content": content})
    except SkeletonError as exc:
        raise SkeletonError(f"{path}: {exc}") from exc


def _wrong(said: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with it, one part of a sentence each."""
    wrong = [f"it has no {key}" for key in _NEEDED if key not in said]
    wrong += [f"unknown key {key}" for key in said if key not in (*_NEEDED, *_MORE)]
    if wrong:
        return wrong
    names = said["keypoints"]
    if not isinstance(said["name"], str) or not _NAME.fullmatch(said["name"]):
        wrong.append(f"its name should be lower-case letters, digits and -, came {said['name']!r}")
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(k, str) for k in names):
        return [*wrong, "keypoints should be a list of two names or more"]
    if strange := [k for k in names if not _KEYPOINT.fullmatch(k)]:
        wrong.append(f"a keypoint's name should be lower-case letters, digits and _, came {', '.join(strange)}")
    if twice := sorted({k for k in names if names.count(k) > 1}):
        wrong.append(f"{', '.join(twice)} comes twice")
    for what in ("edges", "pairs"):
        wrong += _wrong_couples(what, said[what], names)
    sigmas = said.get("sigmas")
    numbers = isinstance(sigmas, list) and all(isinstance(s, int | float) and s > 0 for s in sigmas)
    if sigmas is not None and (not numbers or len(sigmas) != len(names)):
        wrong.append(f"sigmas should be {len(names)} numbers above 0")
    return wrong


def _wrong_couples(what: str, rows: Any, names: list[str]) -> list[str]:
    couples = isinstance(rows, list) and all(isinstance(r, list) and len(r) == 2 and r[0] != r[1] for r in rows)
    if not couples:
        return [f"{what} should be a list of two different keypoints each"]
    if unknown := sorted({str(k) for row in rows for k in row if k not in names}):
        return [f"{what} name {', '.join(unknown)}, which is no keypoint of it"]
    ends = [k for row in rows for k in row]
    if what == "pairs" and len(set(ends)) < len(ends):
        return ["a keypoint is in two pairs"]
    return ["it has no edges"] if what == "edges" and not rows else []
