"""Long runs in houses: who stands, sways, paces or watches noise earns nothing once the place is known."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.envs.world import Frames
from robonav.rewards.curiosity import GeometricSurprise, ReconstructionCuriosity, RgbSurprise, Surprise
from robonav.rewards.on_frames import OnFrames
from robonav.rewards.vec_env import IntrinsicRewardVecEnv

HOUSES, STEPS = 2, 192
ABOUT_TURN = [LEFT] * 12
HABITS = {
    "stands before a wall": [FORWARD],
    "sways": [LEFT, RIGHT],
    "turns": [LEFT],
    "paces up and down": [FORWARD, FORWARD, *ABOUT_TURN, FORWARD, FORWARD, *ABOUT_TURN],
}
SETTLED = 96  # steps after which each habit has shown all that it ever will

Disturbance = Callable[[Frames, np.random.Generator], Frames]


def as_it_is(frames: Frames, rng: np.random.Generator) -> Frames:
    return frames


def pixel_noise(frames: Frames, rng: np.random.Generator) -> Frames:
    noisy = frames.rgb + rng.normal(0, 25, frames.rgb.shape)
    return replace(frames, rgb=noisy.clip(0, 255).astype(np.uint8))


def flickering_texture(frames: Frames, rng: np.random.Generator) -> Frames:
    """Half of the image shows another picture of large patches in every frame."""
    rgb = frames.rgb.copy()
    patches = rng.integers(0, 256, (len(rgb), 4, 2, 3), dtype=np.uint8)
    rgb[:, :, :32] = patches.repeat(16, axis=1).repeat(16, axis=2)
    return replace(frames, rgb=rgb)


def depth_noise(frames: Frames, rng: np.random.Generator) -> Frames:
    """One percent of the depth (standard deviation), about that of a stereo camera."""
    return replace(frames, depth=frames.depth * rng.normal(1, 0.01, frames.depth.shape).astype(np.float32))


class Disturbed(ReconstructionCuriosity):
    """Curiosity about what a disturbed camera sees."""

    def __init__(self, disturb: Disturbance, how: Surprise, memory_frames: int | None) -> None:
        super().__init__(HOUSES * len(HABITS), Camera(), how, reach_m=4.0, memory_frames=memory_frames)
        self.disturb, self.rng = disturb, np.random.default_rng(0)

    def compute(self, frames: Frames) -> np.ndarray:
        self.seen = self.disturb(frames, self.rng)
        return super().compute(self.seen)

    def update(self, frames: Frames) -> None:
        """Take in what was judged; the first frames of an episode were not."""
        super().update(getattr(self, "seen", frames))


@lru_cache
def rewards(
    disturb: Disturbance = as_it_is,
    how: Surprise = GeometricSurprise(),  # noqa: B008
    memory_frames: int | None = None,
) -> dict[str, np.ndarray]:
    """Rewards (STEPS, HOUSES) of each habit."""
    worlds = NavigationVecEnv(
        open_scenes("procedural", "train"), HOUSES * len(HABITS), Camera(), STEPS + 1, seed=1
    )
    env = IntrinsicRewardVecEnv(worlds, OnFrames(Disturbed(disturb, how, memory_frames)), normalise=False)
    env.reset()
    paid = []
    for t in range(STEPS):
        actions = [habit[t % len(habit)] for habit in HABITS.values() for _ in range(HOUSES)]
        paid.append(env.step(np.array(actions))[1])
    return dict(zip(HABITS, np.split(np.stack(paid), len(HABITS), axis=1), strict=True))


@pytest.mark.parametrize("habit", HABITS)
def test_who_finds_nothing_new_earns_nothing_after_the_first_seconds(habit: str) -> None:
    paid = rewards()[habit]
    assert paid[SETTLED:].mean() < 0.002
    if habit != "stands before a wall":  # there the first frame, which is not paid, has shown all there is
        assert paid[:SETTLED].sum() > 0.5


@pytest.mark.parametrize("disturb", [pixel_noise, flickering_texture])
def test_noise_and_flickering_on_the_image_change_nothing_in_the_geometric_reward(
    disturb: Disturbance,
) -> None:
    for habit, paid in rewards(disturb).items():
        np.testing.assert_array_equal(paid, rewards()[habit])


def test_the_same_flickering_is_paid_for_ever_by_the_rgb_reward() -> None:
    paid = rewards(flickering_texture, RgbSurprise())
    assert min(of_habit[SETTLED:].mean() for of_habit in paid.values()) > 0.2


@pytest.mark.parametrize("habit", HABITS)
def test_noise_on_the_depth_is_not_worth_watching(habit: str) -> None:
    assert rewards(depth_noise)[habit][SETTLED:].mean() < 0.002


@pytest.mark.parametrize("habit", ["turns", "paces up and down"])
def test_revisiting_pays_where_the_map_forgets_and_not_where_it_persists(habit: str) -> None:
    forgetful, persistent = rewards(memory_frames=8)[habit], rewards()[habit]
    assert forgetful[SETTLED:].mean() > 0.3 * forgetful[:SETTLED].mean()
    assert forgetful[SETTLED:].mean() > 20 * persistent[SETTLED:].mean()
