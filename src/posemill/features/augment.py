"""Random changes of normalised windows in training, on the whole batch at once.

They say what must not matter: the camera's view, who counts as left, the estimator's noise, keypoints out of sight, the
speed. After them a window is centred, scaled and filled again, exactly as the feature pipeline would have done it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posemill.errors import InputError
from posemill.features.noise import FittedNoise
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
        self.errors = LabellerErrors(fitted, pipeline, pipeline.spread) if fitted else None
        if fitted and pipeline.coordinates == 3:
            raise InputError("fitted noise is that of videos, which have no z: set train.augment.noise to `set`")
        self.params, self.spread, self.axes = params, pipeline.spread, pipeline.coordinates
        self.mean_pose = torch.from_numpy(pipeline.mean_pose) / self.spread
        self.flip = torch.from_numpy(pipeline.skeleton.flip_index)
        self.trunk = torch.tensor(trunk_of(pipeline.skeleton))
        self.branches = torch.tensor(branches(pipeline.skeleton))

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        """(B, T, K, 3) → the same shape; without z the third channel stays as it is."""
        import torch

        p, g = self.params, generator
        xy = stretch_time(x[..., : self.axes], p.crop, g)
        xy = turn_around(xy, p.yaw_rad, g) if self.axes == 3 else xy
        xy = swap_sides(turn(xy, p, self.flip, g), self.flip, p.swap_sides, g)
        xy = change_speed(xy, p.speed, g) if p.speed else xy
        strength = torch.rand(len(xy), 1, 1, generator=g) if self.errors else torch.ones(len(xy), 1, 1)
        xy = self.errors.added_to(xy, strength, g) if self.errors else xy + noise(xy.shape, p, g)
        xy = fewer_frames(xy, p.frame_rate, g) if p.frame_rate else xy
        hidden = self._hidden(xy.shape, g)
        if self.errors:
            hidden |= self.errors.lost(strength, g) & ~hidden.all(1, keepdim=True)
        xy = fill(self._normalise(xy, hidden), hidden)
        xy = torch.where(hidden.all(1, keepdim=True)[..., None], self.mean_pose, xy)
        return torch.cat([xy, x[..., self.axes :]], dim=-1)

    def _hidden(self, shape: tuple[int, ...], g: Generator) -> Tensor:
        """(B, T, K) bool: keypoints out of sight for single frames, for a stretch, or for the whole window."""
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


class LabellerErrors:
    """Errors as a labeller makes them: jitter that goes on for a while, jumps, exchanged sides, lost keypoints.

    Every window gets its own strength from none to all of them, as there are easy and hard people.
    """

    def __init__(self, noise: FittedNoise, pipeline: FeaturePipeline, spread: float) -> None:
        import torch

        window, body = pipeline.window, pipeline.skeleton
        step_s = window.duration_s / window.frames
        apart = (torch.arange(window.frames)[:, None] - torch.arange(window.frames)).abs()
        self.over_time = torch.linalg.cholesky(torch.exp(-apart * step_s / noise.memory_s).double()).float()
        self.jitter = torch.from_numpy(noise.of("jitter", body))[:, None] / spread
        self.jump_size = noise.jump_size / spread
        self.flip = torch.from_numpy(body.flip_index)
        self.side = torch.minimum(self.flip, torch.arange(len(body)))  # both sides are exchanged together
        self.rates = {n: torch.from_numpy(noise.of(f"{n}_rate", body)) for n in ("jump", "swap", "drop")}
        self.frames = {n: max(round(getattr(noise, f"{n}_s") / step_s), 1) for n in self.rates}

    def added_to(self, xy: Tensor, strength: Tensor, g: Generator) -> Tensor:
        """(B, T, K, 2) with sides exchanged, jitter and jumps; strength (B, 1, 1) from 0 to 1."""
        import torch

        b, t, k, _ = xy.shape
        swapped = self._stretches("swap", strength, g)[0][..., self.side]
        xy = torch.where(swapped[..., None], xy[:, :, self.flip], xy)
        jitter = torch.einsum("ts,bskc->btkc", self.over_time, torch.randn(b, t, k, 2, generator=g)) * self.jitter
        jumping, begun = self._stretches("jump", strength, g)
        aside = torch.randn(b, t + self.frames["jump"], k, 2, generator=g)
        aside = aside.gather(1, begun[..., None].expand(xy.shape))
        return xy + strength[..., None] * jitter + jumping[..., None] * aside * self.jump_size

    def lost(self, strength: Tensor, g: Generator) -> Tensor:
        """(B, T, K) bool: not found."""
        return self._stretches("drop", strength, g)[0]

    def _stretches(self, name: str, strength: Tensor, g: Generator) -> tuple[Tensor, Tensor]:
        """(B, T, K) whether it lasts, at its rate, and when it began, counted from `frames` before the window."""
        import torch

        b, t, length = len(strength), len(self.over_time), self.frames[name]
        rate = strength * self.rates[name].clamp(max=0.99)
        begin = 1 - (1 - rate) ** (1 / length)
        at = torch.arange(t + length)[None, :, None]
        begun = (
            at.masked_fill(torch.rand(b, t + length, rate.shape[-1], generator=g) >= begin, -length).cummax(1).values
        )
        lasts = at - begun < length
        return lasts[:, length:], begun[:, length:].clamp(min=0)


def _median_point(xy: Tensor, seen: Tensor) -> Tensor:
    """Median over time of the mean seen keypoint: (B, T, K, D), (B, T, K, 1) → (B, D)."""
    import torch

    count = seen.sum(2)
    mean = (xy * seen).sum(2) / count.clamp(min=1)
    median = mean.masked_fill(count == 0, float("nan")).nanmedian(dim=1).values
    return torch.nan_to_num(median)


def branches(body: Skeleton) -> list[list[bool]]:
    """For every keypoint: itself and what hangs on it along the edges; those go out of sight together."""
    children: dict[str, list[str]] = {k: [] for k in body.keypoints}
    for parent, child in body.edges:
        if (parent, child) not in body.pairs:
            children[parent].append(child)
    rows = []
    for keypoint in body.keypoints:
        found, todo = {keypoint}, [keypoint]
        while todo:
            new = [c for c in children[todo.pop()] if c not in found]
            found.update(new)
            todo += new
        rows.append([k in found for k in body.keypoints])
    return rows


def stretch_time(xy: Tensor, shortest: float, g: Generator) -> Tensor:
    """A random part (shortest..1) of every window, stretched to its length, at slightly uneven times."""
    import torch

    b, t = xy.shape[:2]
    part = shortest + (1 - shortest) * torch.rand(b, 1, generator=g)
    start = (1 - part) * torch.rand(b, 1, generator=g)
    at = (torch.arange(t)[None] + torch.rand(b, t, generator=g)) / t
    at = ((start + part * at) * t - 0.5).clamp(0, t - 1)
    return at_times(xy, at)


def change_speed(xy: Tensor, reach: float, g: Generator) -> Tensor:
    """Up to 1 + reach times as fast or as slow; where a faster motion has ended, it is played backwards."""
    import torch

    b, t = xy.shape[:2]
    rate = (1 + reach) ** (2 * torch.rand(b, 1, generator=g) - 1)
    start = (1 - rate) * (t - 1) * torch.rand(b, 1, generator=g)
    at = (start + rate * torch.arange(t)).remainder(2 * (t - 1))
    return at_times(xy, torch.minimum(at, 2 * (t - 1) - at))


def fewer_frames(xy: Tensor, share: float, g: Generator) -> Tensor:
    """A share of the windows as of a slower camera: every second to fourth frame, straight lines between those."""
    import torch

    b, t = xy.shape[:2]
    step = torch.where(torch.rand(b, 1, generator=g) < share, 1 + 3 * torch.rand(b, 1, generator=g), 1.0)
    phase = (step - 1) * torch.rand(b, 1, generator=g)
    nth = (torch.arange(t) - phase) / step
    before = (phase + nth.floor() * step).clamp(0, t - 1)
    after = (phase + (nth.floor() + 1) * step).clamp(0, t - 1)
    weight = (nth - nth.floor())[..., None, None]
    slow = at_times(xy, before) * (1 - weight) + at_times(xy, after) * weight
    return torch.where((step > 1)[..., None, None], slow, xy)


def at_times(xy: Tensor, at: Tensor) -> Tensor:
    """Windows (B, T, K, D) at times (B, S) from 0 to T - 1, by linear interpolation: (B, S, K, D)."""
    import torch

    left = at.floor().long().clamp(max=xy.shape[1] - 2)
    weight = (at - left)[..., None, None]
    rows = torch.arange(len(xy))[:, None]
    return xy[rows, left] * (1 - weight) + xy[rows, left + 1] * weight


def turn_around(xyz: Tensor, reach_rad: float, g: Generator) -> Tensor:
    """People seen from up to that far around them: a rotation about the vertical axis. xyz (B, T, K, 3)."""
    import torch

    angle = (2 * torch.rand(len(xyz), 1, 1, generator=g) - 1) * reach_rad
    x, y, z = xyz.unbind(-1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.stack([cos * x + sin * z, y, cos * z - sin * x], -1)


def turn(xy: Tensor, p: AugmentParams, flip: Tensor, g: Generator) -> Tensor:
    """Rotation, scale of x and of y, shear, and mirrored pictures (in which left and right change names); z stays."""
    import torch

    b = len(xy)

    def around_zero(reach: float) -> Tensor:
        return (2 * torch.rand(b, generator=g) - 1) * reach

    angle, shear = around_zero(p.rotate_rad), around_zero(p.shear)
    wide, high = 1 + around_zero(p.scale), 1 + around_zero(p.scale)
    mirrored = torch.rand(b, generator=g) < p.mirror
    cos, sin = torch.cos(angle), torch.sin(angle)
    stretch = torch.stack([torch.stack([wide, shear], -1), torch.stack([torch.zeros(b), high], -1)], -2)
    rotation = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)
    matrix = rotation @ stretch
    matrix[:, :, 0] *= torch.where(mirrored, -1.0, 1.0)[:, None]
    xy = torch.where(mirrored[:, None, None, None], xy[:, :, flip], xy)
    turned = torch.einsum("btkc,bdc->btkd", xy[..., :2], matrix)
    return torch.cat([turned, xy[..., 2:]], -1) if xy.shape[-1] > 2 else turned


def swap_sides(xy: Tensor, flip: Tensor, share: float, g: Generator) -> Tensor:
    """Left and right change names, the picture stays: annotators mean different things by them, estimators err."""
    import torch

    swapped = torch.rand(len(xy), generator=g) < share
    return torch.where(swapped[:, None, None, None], xy[:, :, flip], xy)


def noise(shape: tuple[int, ...], p: AugmentParams, g: Generator) -> Tensor:
    """Estimator-like noise: independent jitter, slow drift, and sudden jumps that last a few frames."""
    import torch
    from torch.nn import functional

    b, t, k, d = shape
    size = torch.rand(b, 1, 1, 1, generator=g) * (0.5 + torch.rand(b, 1, k, 1, generator=g))
    white = torch.randn(b, t, k, d, generator=g) * p.jitter * size
    knots = torch.randn(b, k * d, max(t // 6, 2), generator=g)
    slow = functional.interpolate(knots, size=t, mode="linear", align_corners=True).view(b, k, d, t).permute(0, 3, 1, 2)
    at = torch.arange(t)[None, :, None, None]
    start = torch.randint(0, t, (b, 1, k, 1), generator=g)
    length = torch.randint(1, max(t // 8, 2), (b, 1, k, 1), generator=g)
    jumps = (torch.rand(b, 1, k, 1, generator=g) < p.jumps) & (at >= start) & (at < start + length)
    return white + slow * p.drift * size + jumps * torch.randn(b, 1, k, d, generator=g) * 0.4


def fill(xy: Tensor, hidden: Tensor) -> Tensor:
    """Hidden keypoints by linear interpolation in time, held at the ends. xy (B, T, K, D), hidden (B, T, K)."""
    import torch

    t = xy.shape[1]
    at = torch.arange(t, device=xy.device)[None, :, None].expand(hidden.shape)
    before = at.masked_fill(hidden, -1).cummax(dim=1).values
    after = at.masked_fill(hidden, t).flip(1).cummin(dim=1).values.flip(1)
    left = torch.where(before < 0, after, before).clamp(0, t - 1)
    right = torch.where(after >= t, before, after).clamp(0, t - 1)
    weight = ((at - left) / (right - left).clamp(min=1)).clamp(0, 1)[..., None]
    a = xy.gather(1, left[..., None].expand(xy.shape))
    b = xy.gather(1, right[..., None].expand(xy.shape))
    return a + (b - a) * weight
