"""Skeleton definitions as JSON: a known one is its name, another is written out and travels with data and model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posemill.errors import SkeletonError
from posemill.pose.skeleton import SKELETONS, Skeleton
from posemill.pose.skeleton import skeleton as skeleton_named
from posemill.text_file import read_text

SIGMA = 0.08  # of a keypoint of which nothing is said: the middle of COCO's
_NEEDED, _MORE = ("name", "keypoints", "edges", "pairs"), ("sigmas",)
LONGEST_NAME = 64
_NAME = re.compile(rf"[a-z0-9][a-z0-9._+-]{{0,{LONGEST_NAME - 1}}}")
_KEYPOINT = re.compile(r"[a-z0-9_]{1,64}")


def definition(skeleton: Skeleton) -> str | dict[str, Any]:
    """Return the JSON of a skeleton: its name where that is known everywhere, else all fields."""
    return skeleton.name if SKELETONS.get(skeleton.name) == skeleton else written_out(skeleton)


def fingerprint(skeleton: Skeleton) -> str | None:
    """Return the digest of a custom skeleton, since equal names may stand for different ones; None for a known one."""
    if isinstance(fields := definition(skeleton), str):
        return None
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def written_out(skeleton: Skeleton) -> dict[str, Any]:
    """Return all fields of a skeleton as JSON."""
    return {
        "name": skeleton.name,
        "keypoints": list(skeleton.keypoints),
        "edges": [list(edge) for edge in skeleton.edges],
        "pairs": [list(pair) for pair in skeleton.pairs],
        "sigmas": list(skeleton.sigmas),
    }


def defined(given: str | Mapping[str, Any]) -> Skeleton:
    """Read what `definition` wrote. Errors: SkeletonError for an unknown name, or for fields that make no skeleton.

    Examples:
        >>> defined("coco-17").name
        'coco-17'
    """
    if isinstance(given, str):
        return skeleton_named(given)
    if faults := _faults(given):
        raise SkeletonError(f"this is no definition of a skeleton: {'; '.join(faults)}")
    names = tuple(given["keypoints"])
    edges, pairs = (tuple((a, b) for a, b in given[what]) for what in ("edges", "pairs"))
    skeleton = Skeleton(given["name"], names, edges, pairs, tuple(given.get("sigmas") or (SIGMA,) * len(names)))
    known = SKELETONS.get(skeleton.name)
    if known is not None and known != skeleton:
        raise SkeletonError(f"{skeleton.name} is the name of a known skeleton, and this is another: call it otherwise")
    return skeleton


def chosen(name_or_path: str) -> Skeleton:
    """Return a skeleton by name, or from a JSON file that defines it.

    Errors: SkeletonError that names the file and what is wrong with it.
    """
    path = Path(name_or_path)
    if name_or_path in SKELETONS or path.suffix != ".json":
        return skeleton_named(name_or_path)
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError) as exc:
        raise SkeletonError(f"{path} is no readable JSON: {exc}") from exc
    try:
        return defined(content if isinstance(content, Mapping) else {"content": content})
    except SkeletonError as exc:
        raise SkeletonError(f"{path}: {exc}") from exc


def _faults(fields: Mapping[str, Any]) -> list[str]:
    """List everything that is wrong with it, one part of a sentence each."""
    faults = [f"it has no {key}" for key in _NEEDED if key not in fields]
    faults += [f"unknown key {key}" for key in fields if key not in (*_NEEDED, *_MORE)]
    if faults:
        return faults
    names = fields["keypoints"]
    if not isinstance(fields["name"], str) or not _NAME.fullmatch(fields["name"]):
        faults.append(f"its name should be lower-case letters, digits and -, came {fields['name']!r}")
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(k, str) for k in names):
        return [*faults, "keypoints should be a list of two names or more"]
    if strange := [k for k in names if not _KEYPOINT.fullmatch(k)]:
        faults.append(f"a keypoint's name should be lower-case letters, digits and _, came {', '.join(strange)}")
    if twice := sorted({k for k in names if names.count(k) > 1}):
        faults.append(f"{', '.join(twice)} comes twice")
    for what in ("edges", "pairs"):
        faults += _faults_of_pairs(what, fields[what], names)
    sigmas = fields.get("sigmas")
    numbers = isinstance(sigmas, list) and all(isinstance(s, int | float) and s > 0 for s in sigmas)
    if sigmas is not None and (not numbers or len(sigmas) != len(names)):
        faults.append(f"sigmas should be {len(names)} numbers above 0")
    return faults


def _faults_of_pairs(what: str, rows: Any, names: list[str]) -> list[str]:
    couples = isinstance(rows, list) and all(isinstance(r, list) and len(r) == 2 and r[0] != r[1] for r in rows)
    if not couples:
        return [f"{what} should be a list of two different keypoints each"]
    if unknown := sorted({str(k) for row in rows for k in row if k not in names}):
        return [f"{what} name {', '.join(unknown)}, which is no keypoint of it"]
    ends = [k for row in rows for k in row]
    if what == "pairs" and len(set(ends)) < len(ends):
        return ["a keypoint is in two pairs"]
    return ["it has no edges"] if what == "edges" and not rows else []
