"""Skeleton conversion: poses from one keypoint layout to another, by name, with what is lost and what is derived."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from posemill.errors import SkeletonError
from posemill.pose.definition import LONGEST_NAME
from posemill.pose.skeleton import SKELETONS, Skeleton

# By definition the midpoint of two others; nothing else is ever derived.
MIDPOINTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"neck": ("left_shoulder", "right_shoulder"), "mid_hip": ("left_hip", "right_hip")}
)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Conversion of keypoints from `source` to `target`.

    copied   names that both have.
    derived  names of the target that are the midpoint of two of the source's, in the target's order.
    lost     names of the source that the target lacks.
    """

    source: Skeleton
    target: Skeleton
    copied: tuple[str, ...]
    derived: tuple[str, ...]
    lost: tuple[str, ...]

    def __call__(
        self, xy: NDArray[np.float32], confidence: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Convert xy (..., K_source, 2) pixels and confidence (..., K_source) to those of the target.

        A derived keypoint is NaN where one of its two is, and has the lesser of their confidences.
        """
        if xy.shape[-2:] != (len(self.source), 2) or confidence.shape != xy.shape[:-1]:
            raise SkeletonError(
                f"{self.source.name} needs keypoints (..., {len(self.source)}, 2) and as many confidences; came "
                f"{xy.shape} and {confidence.shape}"
            )
        ends = np.array([[self.source.index(end) for end in self._ends(name)] for name in self.target.keypoints])
        first, second = ends.T
        converted = np.asarray(xy[..., first, :], np.float32)
        middle = first != second
        converted[..., middle, :] = converted[..., middle, :] * 0.5 + xy[..., second[middle], :] * 0.5
        return converted, np.asarray(np.minimum(confidence[..., first], confidence[..., second]) * _seen(converted))

    def _ends(self, name: str) -> tuple[str, str]:
        return MIDPOINTS[name] if name in self.derived else (name, name)


def conversion(source: Skeleton, target: Skeleton) -> Conversion:
    """Plan a conversion. SkeletonError where the target has a keypoint that the source cannot give.

    Examples:
        >>> from posemill.pose.skeleton import COCO_17, OPENPOSE_18
        >>> conversion(COCO_17, OPENPOSE_18).derived
        ('neck',)
    """
    known = set(source.keypoints)
    new = [name for name in target.keypoints if name not in known]
    derived = tuple(name for name in new if known.issuperset(MIDPOINTS.get(name, ("nowhere",))))
    unknown = [name for name in new if name not in derived]
    if unknown:
        raise SkeletonError(
            f"{source.name} cannot become {target.name}: it has no {', '.join(unknown)}, and nothing that says where "
            f"they are; choose a skeleton of its own keypoints, and of {' and '.join(MIDPOINTS)}, which are derived"
        )
    copied = tuple(name for name in target.keypoints if name in known)
    lost = tuple(name for name in source.keypoints if name not in target.keypoints)
    return Conversion(source, target, copied, derived, lost)


def convert(
    xy: NDArray[np.float32], confidence: NDArray[np.float32], source: Skeleton, target: Skeleton
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Convert xy (..., K, 2) pixels, NaN = not seen, and confidence (..., K) to another layout; see Conversion."""
    return conversion(source, target)(xy, confidence)


def common(first: Skeleton, second: Skeleton) -> Skeleton:
    """Return the skeleton of the keypoints that both have, in the first's order. SkeletonError without any."""
    kept = tuple(name for name in first.keypoints if name in second.keypoints)
    if not kept:
        raise SkeletonError(f"{first.name} and {second.name} have no keypoint in common: they cannot be compared")
    return Skeleton(
        name=f"{first.name} and {second.name}",
        keypoints=kept,
        edges=tuple(edge for edge in first.edges if set(edge) <= set(kept)),
        pairs=tuple(pair for pair in first.pairs if set(pair) <= set(kept)),
        sigmas=tuple(first.sigmas[first.index(name)] for name in kept),
    )


def shared(skeletons: Iterable[Skeleton]) -> Skeleton:
    """Return the skeleton that all convert to: their own where it is one, else the keypoints that all have, by name.

    A known skeleton of exactly those keypoints is taken as it is. SkeletonError where what they have in common is no
    skeleton: fewer than two keypoints, or no edge between any.
    """
    distinct = sorted(set(skeletons), key=lambda s: (len(s), s.name))
    if len(distinct) == 1:
        return distinct[0]
    named = " and ".join(s.name for s in distinct)
    kept = [name for name in distinct[0].keypoints if all(name in s.keypoints for s in distinct)]
    if len(kept) < 2:
        raise _too_little(named, f"only {kept[0]}" if kept else "no keypoint")
    if known := next((s for s in SKELETONS.values() if set(s.keypoints) == set(kept)), None):
        return known
    edges = _edges_among(kept, distinct[0])
    if not edges:
        raise _too_little(named, f"{', '.join(kept)}, but no edge,")
    return Skeleton(
        name=_joined("+".join(s.name for s in distinct)),
        keypoints=tuple(kept),
        edges=edges,
        pairs=tuple(pair for pair in distinct[0].pairs if set(pair) <= set(kept)),
        sigmas=tuple(distinct[0].sigmas[distinct[0].index(name)] for name in kept),
    )


def _too_little(named: str, what: str) -> SkeletonError:
    return SkeletonError(
        f"{named} have {what} in common: set prepare.skeleton to one that each of them can become, or use them one at "
        f"a time (snapshot.datasets)"
    )


def _joined(name: str) -> str:
    """Shorten a name that is too long for a skeleton, ending in its digest, so that it can be read again."""
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}-{digest}"


def _edges_among(kept: Iterable[str], skeleton: Skeleton) -> tuple[tuple[str, str], ...]:
    """Edges from every kept keypoint's nearest kept ancestor."""
    above = {child: parent for parent, child in reversed(skeleton.edges)}
    names, edges = set(kept), []
    for child in kept:
        parent, passed = above.get(child), {child}
        while parent is not None and parent not in names and parent not in passed:
            passed.add(parent)
            parent = above.get(parent)
        if parent in names and parent != child and parent is not None:
            edges.append((parent, child))
    return tuple(edges)


def _seen(xy: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(~np.isnan(xy).any(-1))
