"""Augmentations of normalised windows in training, on the whole batch at once.

Augmentations encode invariances: to the camera's view, to who counts as left, to the estimator's noise, to keypoints
out of sight, to speed. After them a window is centred, scaled and filled again, exactly as the feature pipeline would
have done it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posemill.errors import InputError
from posemill.features.augment.keypoint_noise import KeypointErrors, estimator_noise
from posemill.features.augment.time import change_speed, fewer_frames, fill, stretch_time
from posemill.features.augment.view import rotate_yaw, swap_people, swap_sides, swap_stretches, transform_affine
from posemill.features.labeller_noise import FittedNoise
from posemill.features.pipeline import EXTENT_QUANTILE, FeaturePipeline, trunk_of
from posemill.params.train import AugmentParams
from posemill.pose.skeleton import Skeleton

if TYPE_CHECKING:
    from torch import Generator, Tensor


class Augmentation:
    """Callable on a batch (B, T, K, 3) of transformed windows; the generator is an argument, so runs repeat.

    fitted  errors of the labeller, where params.noise asks for them; they take the place of jitter, drift and jumps.
    """

    def __init__(self, pipeline: FeaturePipeline, params: AugmentParams, fitted: FittedNoise | None = None) -> None:
        import torch

        if pipeline.mean_pose is None or pipeline.spread is None:
            raise InputError("augmentation needs a fitted feature pipeline; use what fit() returns")
        if (params.noise == "fitted") != (fitted is not None):
            raise InputError("fitted noise goes with train.augment.noise: fitted, and with nothing else")
        self.errors = KeypointErrors(fitted, pipeline, pipeline.spread) if fitted else None
        if fitted and pipeline.coordinates == 3:
            raise InputError("fitted noise is that of videos, which have no z: set train.augment.noise to `set`")
        self.params, self.spread, self.axes = params, pipeline.spread, pipeline.coordinates
        self.mean_pose = torch.from_numpy(pipeline.mean_pose) / self.spread
        self.flip = torch.from_numpy(pipeline.skeleton.flip_index)
        self.pairs = pipeline.people == 2
        self.trunk = torch.tensor(trunk_of(pipeline.skeleton))
        self.branches = torch.tensor(branches(pipeline.skeleton))

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        """Augment a batch (B, T, K, 3); without z the third channel stays as it is."""
        import torch

        p, g = self.params, generator
        xy = x[..., : self.axes]
        xy = swap_people(xy, self.mean_pose, p.swap_people, g) if self.pairs else xy
        xy = stretch_time(xy, p.crop, g)
        xy = rotate_yaw(xy, p.yaw_rad, g) if self.axes == 3 else xy
        xy = swap_sides(transform_affine(xy, p, self.flip, g), self.flip, p.swap_sides, g)
        xy = change_speed(xy, p.speed, g) if p.speed else xy
        strength = torch.rand(len(xy), 1, 1, generator=g) if self.errors else torch.ones(len(xy), 1, 1)
        xy = self.errors.added_to(xy, strength, g) if self.errors else self._with_noise(xy, g)
        xy = fewer_frames(xy, p.frame_rate, g) if p.frame_rate else xy
        hidden = self._hidden(xy.shape, g)
        if self.errors:
            hidden |= self.errors.lost(strength, g) & ~hidden.all(1, keepdim=True)
        xy = fill(self._normalise(xy, hidden), hidden)
        xy = torch.where(hidden.all(1, keepdim=True)[..., None], self.mean_pose, xy)
        return torch.cat([xy, x[..., self.axes :]], dim=-1)

    def _with_noise(self, xy: Tensor, g: Generator) -> Tensor:
        xy = swap_stretches(xy, self.flip, self.branches, self.params.swap_stretches, g)
        return xy + estimator_noise(xy.shape, self.params, g)

    def _hidden(self, shape: tuple[int, ...], g: Generator) -> Tensor:
        """Draw keypoints out of sight, (B, T, K) bool: for single frames, for a while, or for the whole window."""
        import torch

        p, (b, t, k, _) = self.params, shape
        hidden = torch.rand(b, t, k, generator=g) < p.drop_frames
        at = torch.arange(t)[None, :, None]
        start = torch.randint(0, t, (b, 1, k), generator=g)
        length = torch.randint(1, max(t // 2, 2), (b, 1, k), generator=g)
        hidden |= (at >= start) & (at < start + length) & (torch.rand(b, 1, k, generator=g) < p.drop_frames * 2)
        gone = torch.rand(b, k, generator=g) < p.drop_clip * torch.rand(b, 1, generator=g)
        branch = self.branches[torch.randint(0, len(self.branches), (b,), generator=g)]
        branch = torch.where(torch.rand(b, 1, generator=g) < 0.5, branch | branch[:, self.flip], branch)
        gone |= branch & (torch.rand(b, 1, generator=g) < p.drop_limb)
        gone &= gone.sum(1, keepdim=True) <= k * 2 // 3
        return hidden | gone[:, None]

    def _normalise(self, xy: Tensor, hidden: Tensor) -> Tensor:
        """Centre and scale as FeaturePipeline.transform does, by the keypoints that are left."""
        import torch

        seen = (~hidden)[..., None]
        trunk = seen[:, :, self.trunk]
        use_all = ~trunk.any(dim=2).any(dim=1)
        of_trunk = _median_point(xy[:, :, self.trunk], trunk)
        middle = torch.where(use_all, _median_point(xy, seen), of_trunk) if bool(use_all.any()) else of_trunk
        low = xy.masked_fill(~seen, float("inf")).amin(2)
        high = xy.masked_fill(~seen, float("-inf")).amax(2)
        extent = (high - low).clamp(min=0).amax(-1)
        size = torch.quantile(extent, EXTENT_QUANTILE, dim=1) * self.spread
        return (xy - middle[:, None, None]) / size.clamp(min=1e-3)[:, None, None, None]


def _median_point(xy: Tensor, seen: Tensor) -> Tensor:
    """Median over time of the mean seen keypoint: (B, T, K, D), (B, T, K, 1) → (B, D)."""
    import torch

    count = seen.sum(2)
    mean = (xy * seen).sum(2) / count.clamp(min=1)
    median = mean.masked_fill(count == 0, float("nan")).nanmedian(dim=1).values
    return torch.nan_to_num(median)


def branches(skeleton: Skeleton) -> list[list[bool]]:
    """Return for every keypoint itself and its descendants along the edges; those go out of sight together."""
    children: dict[str, list[str]] = {k: [] for k in skeleton.keypoints}
    for parent, child in skeleton.edges:
        if (parent, child) not in skeleton.pairs:
            children[parent].append(child)
    rows = []
    for keypoint in skeleton.keypoints:
        branch, todo = {keypoint}, [keypoint]
        while todo:
            new = [c for c in children[todo.pop()] if c not in branch]
            branch.update(new)
            todo += new
        rows.append([k in branch for k in skeleton.keypoints])
    return rows
