"""Feature pipeline: the one preprocessing of tracks to windows in pixels, then centred, scaled and without gaps.

Fitted on the train split, saved as `features.json` and used by training, evaluation and every runtime. Fields of the
file are described in `FeaturePipeline.to_json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError, InputError
from posemill.pose.definition import defined, definition
from posemill.pose.gaps import fill_in_time, found_only
from posemill.pose.geometry import box_size, seen
from posemill.pose.pairs import is_paired, own, pair, partner_of
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import PoseTrack
from posemill.pose.window import WindowSpec, cut

FORMAT = "posemill-features-1"
EXTENT_QUANTILE = 0.95
FIT_PART = 1000  # windows
_TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePipeline:
    """Tracks → windows → network input. Frozen: `fit` returns the fitted pipeline.

    skeleton   keypoints of the windows; tracks of other skeletons are converted by name.
    window     how tracks are cut, see WindowSpec.
    mean_pose  (K, 2 or 3) float32, normalised: where a keypoint goes that a window never shows; None until fitted.
    spread     typical normalised distance from the centre, so that inputs have unit size; None until fitted.
    coordinates  2 for x and y; 3 for z too: windows then have four channels, x_px, y_px, confidence and z.
    """

    skeleton: Skeleton
    window: WindowSpec
    mean_pose: NDArray[np.float32] | None = None
    spread: float | None = None
    coordinates: int = 2

    @property
    def fitted(self) -> bool:
        """True if `transform` can be used."""
        return self.mean_pose is not None and self.spread is not None

    @property
    def people(self) -> int:
        """People in a window: 1, or 2 where the skeleton is that of a pair, see posemill.pose.pairs."""
        return 2 if is_paired(self.skeleton) else 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, K, C) of every window."""
        return self.window.frames, len(self.skeleton), self.coordinates + 1

    def positions(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return windows (N, T, K, C) without confidence: (N, T, K, coordinates)."""
        return windows[..., :2] if self.coordinates == 2 else windows[..., (0, 1, 3)]

    def windows(
        self,
        track: PoseTrack,
        start_s: float | None = None,
        end_s: float | None = None,
        others: Sequence[PoseTrack] = (),
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Cut one person's track into windows, between two times (None or NaN = from the first, to the last pose).

        others  the other people of the medium, for windows of two people: each gets whoever is nearest in it.
        Returns (N, T, K, C) float32: x_px, y_px, confidence (and z), NaN = not seen; and (N, 2) float64, start and end
        of each in seconds. N is 0 where the person is hardly seen. Errors: InputError where z is needed and the track
        has none; SkeletonError where the track lacks a keypoint.
        """
        track = found_only(track)
        if len(track) == 0:
            return self.windows_at(track, np.zeros((0, 2)))
        step = float(np.median(np.diff(track.time_s))) if len(track) > 1 else 0.0
        start = track.time_s[0] if start_s is None or np.isnan(start_s) else start_s
        end = track.time_s[-1] + step if end_s is None or np.isnan(end_s) else end_s
        spans = self.window.spans(float(start), float(end))
        inside = np.clip(spans, start, end)  # that of a short track reaches beyond both
        if (inside != spans).any():
            track = track.between(float(start), float(end))
        part = (inside[:, 1] - inside[:, 0]) / np.maximum(np.ptp(spans, axis=1), 1e-9)
        windows, keep = self._cut(track, spans, part) if self.people == 1 else self._pairs(track, spans, part, others)
        return windows, inside[keep]

    def windows_at(
        self, track: PoseTrack, spans: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Cut given spans (N, 2) out of a track; as `windows`, without those in which the person is hardly seen."""
        windows, keep = self._cut(track, spans, np.ones(len(spans)))
        return windows, spans[keep]

    def _cut(
        self, track: PoseTrack, spans: NDArray[np.float64], part: NDArray[np.float64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Windows of the spans in which the person is seen enough, and which spans (N,) these are.

        part  (N,) of each span in which the person can be seen.
        """
        track = found_only(self.convert(track))  # interpolated rows are no sightings, see posemill.pose.gaps
        if len(track) == 0:
            return np.zeros((0, *self.shape), np.float32), np.zeros(len(spans), bool)
        windows = cut(track, spans, self.window, self.coordinates)
        keep = seen(windows[..., :2]).any(-1).mean(-1) >= self.window.min_seen * part - 1e-9
        return windows[keep], keep

    def _pairs(
        self, track: PoseTrack, spans: NDArray[np.float64], part: NDArray[np.float64], others: Sequence[PoseTrack]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """As `_cut`, each window with the partner who is nearest in it."""
        if is_paired(track.skeleton) or not len(spans):
            return self._cut(track, spans, part)
        partners = [partner_of(track.between(float(s), float(e)), others) for s, e in spans]
        windows, keep = np.full((len(spans), *self.shape), np.nan, np.float32), np.zeros(len(spans), bool)
        for partner in {id(p): p for p in partners}.values():
            rows = np.array([i for i, p in enumerate(partners) if p is partner])
            both = pair(track.to(own(self.skeleton)), None if partner is None else found_only(partner))
            cut_windows, kept = self._cut(both, spans[rows], part[rows])
            windows[rows[kept]], keep[rows[kept]] = cut_windows, True
        return windows[keep], keep

    def convert(self, track: PoseTrack) -> PoseTrack:
        """Return a track in the windows' keypoints; windows of two people have nobody beside somebody alone."""
        if self.people == 2 and not is_paired(track.skeleton):
            return pair(track.to(own(self.skeleton)), None)
        return track.to(self.skeleton)

    def fit(self, windows: NDArray[np.float32], rows: NDArray[np.int64] | None = None) -> FeaturePipeline:
        """Fit mean pose and spread to the train split's windows (N, T, K, C); return the fitted pipeline.

        rows  of `windows`, which may be a memmap, to fit to; None: all. FIT_PART of them are in memory at a time.
        """
        self._check(windows)
        chosen = np.arange(len(windows)) if rows is None else rows
        places, axes = len(self.skeleton), self.coordinates
        total, known, squares = np.zeros((places, axes)), np.zeros((places, 1), np.int64), 0.0
        for at in range(0, len(chosen), FIT_PART):
            xy = _centre_and_scale(self.positions(windows[chosen[at : at + FIT_PART]]), self.skeleton)
            shown = seen(xy)[..., None]
            filled = np.where(shown, xy, 0).astype(np.float64)
            total += filled.sum((0, 1))
            known += shown.sum((0, 1))
            squares += float((filled**2).sum())
        if not known.any():
            raise InputError("features are fitted on train windows with keypoints; none came: look at the splits")
        mean_pose = total / np.maximum(known, 1)  # a keypoint that is never seen sits at the centre
        spread = np.sqrt(squares / (axes * known.sum()))
        return replace(self, mean_pose=mean_pose.astype(np.float32), spread=max(float(spread), 1e-6))

    def transform(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise windows to network input (N, T, K, 3) float32 without NaN: x, y, z (or 0) centred and scaled.

        Gaps are interpolated in time; a keypoint that is never seen takes its place in the mean pose. Confidence is
        left out on purpose: which keypoints are missing tells the annotator's habit, not the activity.
        """
        self._check(windows)
        if self.mean_pose is None or self.spread is None:
            raise InputError("this feature pipeline is not fitted; use what fit() returns or load features.json")
        xy = fill_in_time(_centre_and_scale(self.positions(windows), self.skeleton))
        filled = np.where(np.isnan(xy), self.mean_pose, xy) / self.spread
        zero_z = [np.zeros_like(filled[..., :1])] if self.coordinates == 2 else []
        return np.concatenate([filled, *zero_z], -1).astype(np.float32)

    def _check(self, windows: NDArray[np.float32]) -> None:
        frames, keypoints, channels = self.shape
        if windows.ndim != 4 or windows.shape[1:] != self.shape:
            raise InputError(
                f"windows should be (N, {frames}, {keypoints}, {channels}) for skeleton {self.skeleton.name}, "
                f"came as {windows.shape}"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the content of features.json.

        format         "posemill-features-1".
        skeleton       name, and keypoints in array order; of one that is not known everywhere edges, pairs, sigmas too.
        coordinates    3, where windows have z: C is 4; else it is not there.
        window         the fields of WindowSpec, and `frames` (T).
        normalisation  trunk (keypoints whose mean a frame, median a window, is the centre), extent_quantile (over a
                       window's frames, of the longest side of the pose's box: what x, y and z are divided by),
                       mean_pose (K times x, y, perhaps z) and spread (what the result is divided by at the end).
        """
        return {
            "format": FORMAT,
            "skeleton": _skeleton_fields(self.skeleton),
            **({"coordinates": self.coordinates} if self.coordinates != 2 else {}),
            "window": {**asdict(self.window), "frames": self.window.frames},
            "normalisation": {
                "trunk": [self.skeleton.keypoints[i] for i in trunk_of(self.skeleton)],
                "extent_quantile": EXTENT_QUANTILE,
                "mean_pose": None if self.mean_pose is None else [[float(v) for v in row] for row in self.mean_pose],
                "spread": self.spread,
            },
        }

    def save(self, path: Path) -> None:
        """Write features.json."""
        path.write_text(json.dumps(self.to_json(), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> FeaturePipeline:
        """Read features.json; CheckpointError when it is of another format or skeleton."""
        try:
            fields = json.loads(path.read_text())
            if fields["format"] != FORMAT or fields["normalisation"]["extent_quantile"] != EXTENT_QUANTILE:
                raise CheckpointError(f"{path}: expected format {FORMAT}, came {fields['format']!r}; train again")
            written = fields["skeleton"]
            skeleton = defined(written if "edges" in written else written["name"])
            if list(skeleton.keypoints) != written["keypoints"]:
                raise CheckpointError(f"{path}: skeleton {skeleton.name} has other keypoints here; train again")
            window: dict[str, Any] = {
                k: tuple(v) if k == "scales" else v for k, v in fields["window"].items() if k != "frames"
            }
            pose = fields["normalisation"]["mean_pose"]
            return cls(
                skeleton,
                WindowSpec(**window),
                None if pose is None else np.array(pose, np.float32),
                fields["normalisation"]["spread"],
                fields.get("coordinates", 2),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            raise CheckpointError(f"{path} is not a features.json of posemill: {exc!r}; write it again") from exc


def _skeleton_fields(skeleton: Skeleton) -> dict[str, Any]:
    written = definition(skeleton)
    known = {"name": skeleton.name, "keypoints": list(skeleton.keypoints)}
    return known if isinstance(written, str) else written


def trunk_of(skeleton: Skeleton) -> list[int]:
    """Return array positions of the keypoints whose mean is a window's centre; all of them where there is no trunk."""
    return [skeleton.index(k) for k in _TRUNK if k in skeleton.keypoints] or list(range(len(skeleton)))


def _centre_and_scale(xy: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Centre (N, T, K, D) pixels on the window's median trunk and divide by its extent; NaN stays."""
    middle = _median(_mean_of_seen(xy[:, :, trunk_of(skeleton)]))
    middle = np.where(np.isnan(middle), _median(_mean_of_seen(xy)), middle)
    extent = box_size(xy).max(-1)
    size = np.quantile(extent, EXTENT_QUANTILE, axis=1) if extent.size else np.zeros(len(xy))
    return np.asarray((xy - middle[:, None, None]) / np.maximum(size, 1e-3)[:, None, None, None], np.float32)


def _mean_of_seen(xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., K, D) → (..., D), NaN where no keypoint is seen."""
    known = seen(xy)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known[..., None], xy, 0).sum(-2) / known.sum(-1)[..., None], np.float32)


def _median(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over time of (N, T, D), leaving NaN out; NaN where all are NaN. Sorting puts NaN last."""
    order = np.sort(points, axis=1)
    count = (~np.isnan(points)).sum(1)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, np.maximum(count - 1, 0))
    pick = [np.take_along_axis(order, i[:, None], axis=1)[:, 0] for i in (low, high)]
    return np.asarray((pick[0] + pick[1]) / 2, np.float32)
