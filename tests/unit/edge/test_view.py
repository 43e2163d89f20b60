"""Faults of a camera that its pictures show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.edge.config import CameraConfig
from posemill.edge.view import ViewWatch

CONFIG = CameraConfig(frozen_s=2.0, covered_s=1.0, turned_s=1.0)


def room(seed: int) -> NDArray[np.uint8]:
    """A picture with large structures."""
    rng = np.random.default_rng(seed)
    return np.kron(rng.integers(20, 235, (6, 10, 3)), np.ones((30, 32, 1))).astype(np.uint8)


def noisy(picture: NDArray[np.uint8], n: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(n).integers(-6, 7, picture.shape)
    return np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)


def run(pictures: list[NDArray[np.uint8]], fps: float = 10.0) -> list[tuple[str, bool, float]]:
    watch = ViewWatch(CONFIG)
    changes = []
    for n, picture in enumerate(pictures):
        changes += [(c.fault, c.begun, round(c.start_s, 1)) for c in watch.update(picture, n / fps)]
    return changes


def test_a_room_with_noise_and_a_person_has_no_fault() -> None:
    pictures = [noisy(room(0), n) for n in range(80)]
    for n, picture in enumerate(pictures):
        picture[40:170, n * 3 : n * 3 + 50] = 200
    assert run(pictures) == []


def test_a_picture_that_stays_the_same_is_frozen() -> None:
    pictures = [noisy(room(0), n) for n in range(10)] + [noisy(room(0), 9)] * 30 + [noisy(room(0), 99)] * 1
    assert run(pictures) == [("frozen", True, 1.0), ("frozen", False, 1.0)]


def test_a_cover() -> None:
    covered = [noisy(np.full((180, 320, 3), 30, np.uint8), n) for n in range(20)]
    pictures = [noisy(room(0), n) for n in range(30)] + covered + [noisy(room(0), n) for n in range(50, 60)]
    assert run(pictures) == [("covered", True, 3.0), ("covered", False, 3.0)]


def test_a_turned_camera_is_told_once_and_its_view_is_usual_then() -> None:
    pictures = [noisy(room(0), n) for n in range(30)] + [noisy(room(1), n) for n in range(60)]
    assert run(pictures) == [("turned", True, 3.0), ("turned", False, 3.0)]


def test_light_that_is_switched_on_is_no_turn() -> None:
    dark = (room(0) * 0.4).astype(np.uint8)
    assert run([noisy(dark, n) for n in range(30)] + [noisy(room(0), n) for n in range(30)]) == []
