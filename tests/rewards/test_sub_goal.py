"""Getting to a proposed sub-goal is paid once; waiting, turning, oscillating and bumping are not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT, TURN_RAD
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.rewards.curiosity import ReconstructionCuriosity
from robonav.rewards.on_frames import OnFrames
from robonav.rewards.sub_goal import SubGoal, SubGoalConfig, SubGoalReward
from robonav.rewards.vec_env import IntrinsicRewardVecEnv
from robonav.rewards.weighted_sum import WeightedSum
from tests.worlds import Rooms

CAMERA = Camera(width=32, height=32)
STEP = SubGoalConfig().step


def world(num_envs: int = 1, seed: int = 3, **config: float) -> tuple[NavigationVecEnv, SubGoalReward]:
    """Agents in closed rooms, and the reward that knows their first frames."""
    worlds = NavigationVecEnv(Rooms(), num_envs=num_envs, camera=CAMERA, seed=seed)
    worlds.reset()
    reward = SubGoalReward(num_envs, CAMERA, SubGoalConfig(**config))
    reward.update(worlds.frames)
    return worlds, reward


def step(worlds: NavigationVecEnv, reward: SubGoalReward, *actions: int) -> np.ndarray:
    worlds.step(np.array(actions))
    paid = reward.compute(worlds.frames)
    reward.update(worlds.frames)
    return paid


def goal_ahead(worlds: NavigationVecEnv, reward: SubGoalReward, metres: float) -> None:
    """Put the sub-goal straight ahead."""
    yaw = float(worlds.frames.yaw[0])
    xy = worlds.frames.position[0, :2] + metres * np.array([np.cos(yaw), np.sin(yaw)])
    reward.sub_goals[0] = SubGoal(-1, xy, 1.0)


@pytest.fixture
def facing_space() -> tuple[NavigationVecEnv, SubGoalReward]:
    """An agent that can walk on for more than a metre."""
    worlds, reward = world()
    while worlds.frames.depth[0, 16].min() < 1.8:
        step(worlds, reward, LEFT)
    return worlds, reward


def test_getting_there_is_paid_once_and_then_there_is_another_sub_goal(facing_space: tuple) -> None:
    worlds, reward = facing_space
    goal_ahead(worlds, reward, 1.0)
    first = reward.sub_goals[0]
    paid = [float(step(worlds, reward, FORWARD)[0]) for _ in range(2)]
    assert paid == pytest.approx([-STEP, 1 - STEP]), "0.5 m away one is there"
    assert reward.sub_goals[0] is not first


def test_going_to_and_fro_over_the_border_of_the_radius_is_not_paid_again(facing_space: tuple) -> None:
    worlds, reward = facing_space
    goal_ahead(worlds, reward, 0.75)
    assert step(worlds, reward, FORWARD)[0] == pytest.approx(1 - STEP)
    spot, found = worlds.frames.position[0, :2].copy(), []
    for _ in range(3):
        for action in [*[LEFT] * 12, FORWARD, *[RIGHT] * 12, FORWARD]:
            found.append(float(step(worlds, reward, action)[0]))
            assert np.linalg.norm(worlds.frames.position[0, :2] - spot) < 0.3
    assert max(found) < 0


def test_a_sub_goal_is_never_where_the_agent_already_is() -> None:
    worlds, reward = world(num_envs=3)
    for _ in range(40):
        before = list(reward.sub_goals)
        step(worlds, reward, FORWARD, LEFT, RIGHT)
        for env, sub_goal in enumerate(reward.sub_goals):
            if sub_goal is not None and sub_goal is not before[env]:
                assert np.linalg.norm(worlds.frames.position[env, :2] - sub_goal.xy) >= 1.0


def test_turning_on_the_spot_costs_its_steps_and_earns_nothing() -> None:
    worlds, reward = world(num_envs=2)
    assert all(sub_goal is not None for sub_goal in reward.sub_goals), "the first frame has frontiers"
    total = sum(step(worlds, reward, LEFT, LEFT) for _ in range(48))
    np.testing.assert_allclose(total, -48 * STEP, atol=1e-5)


def test_a_blocked_move_costs_a_tenth(facing_space: tuple) -> None:
    worlds, reward = facing_space
    for _ in range(40):
        reward.sub_goals[0] = SubGoal(-1, np.array([99.0, 99.0]), 1.0)
        paid = step(worlds, reward, FORWARD)
        if worlds.frames.collided[0]:
            break
    assert paid[0] == pytest.approx(-STEP - 0.1)


def test_a_sub_goal_that_takes_too_long_is_given_up_without_pay() -> None:
    worlds, reward = world(patience=5)
    first = reward.sub_goals[0]
    assert first is not None
    tries = reward.maps.topology.mappers[0].graph.frontiers[first.node].tries
    kept = []
    for _ in range(6):
        assert step(worlds, reward, LEFT)[0] < 0
        kept.append(reward.sub_goals[0] is first)
    assert kept[:4] == [True] * 4
    assert not kept[-1]
    assert tries == 1


def test_judging_changes_nothing_and_reset_forgets_one_environment_only() -> None:
    worlds, reward = world(num_envs=2)
    np.testing.assert_array_equal(reward.compute(worlds.frames), reward.compute(worlds.frames))
    kept = reward.sub_goals[1]
    reward.reset([0])
    assert reward.sub_goals == [None, kept]
    assert [len(mapper.graph.places) for mapper in reward.maps.topology.mappers] == [0, 1]


def walk_to_sub_goals(worlds: NavigationVecEnv, reward: SubGoalReward, steps: int) -> Iterator[float]:
    """An agent that turns to its sub-goal and walks, past nothing: for rooms without furniture."""
    for _ in range(steps):
        goal, frames = reward.sub_goals[0], worlds.frames
        offset = (goal.xy if goal else np.zeros(2)) - frames.position[0, :2]
        off = (np.arctan2(offset[1], offset[0]) - frames.yaw[0] + np.pi) % (2 * np.pi) - np.pi
        action = FORWARD if abs(off) <= TURN_RAD / 2 + 1e-6 else LEFT if off > 0 else RIGHT
        yield float(step(worlds, reward, action)[0])


def test_an_agent_that_goes_to_its_sub_goals_earns_more_than_one_that_walks_at_random() -> None:
    obedient = sum(walk_to_sub_goals(*world(), 120))
    worlds, reward = world()
    actions = np.random.default_rng(0).integers(0, 3, 120)
    aimless = sum(float(step(worlds, reward, action)[0]) for action in actions)
    assert obedient > aimless + 1


def both(weights: tuple[float, float]) -> tuple[IntrinsicRewardVecEnv, WeightedSum]:
    parts = OnFrames(ReconstructionCuriosity(2, CAMERA)), OnFrames(SubGoalReward(2, CAMERA))
    total = WeightedSum(dict(zip(("surprise", "sub-goals"), zip(weights, parts, strict=True), strict=True)))
    worlds = NavigationVecEnv(Rooms(), num_envs=2, camera=CAMERA, max_episode_steps=12, seed=3)
    return IntrinsicRewardVecEnv(worlds, total, normalise=False), total


def test_the_sum_is_the_sum_also_across_episodes() -> None:
    actions = np.random.default_rng(0).integers(0, 3, (30, 2))
    paid = []
    for weights in ((1.0, 0.0), (0.0, 1.0), (0.5, 2.0)):
        env, _ = both(weights)
        env.reset()
        paid.append(np.array([env.step(action)[1] for action in actions]))
    np.testing.assert_allclose(paid[2], 0.5 * paid[0] + 2.0 * paid[1], atol=1e-6)
    assert paid[0].any()
    assert paid[1].any()


class Remembers:
    """A reward with a state that outlives episodes."""

    def __init__(self, value: float) -> None:
        self.value = np.array(value)

    def reset(self, mask: object, first: object) -> None: ...

    def compute(self, *step: object) -> np.ndarray:
        return np.full(2, self.value, np.float32)

    def update(self, step: object) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        self.value = state["value"]


def test_each_part_gets_its_own_state_back() -> None:
    saved = WeightedSum({"a": (1.0, Remembers(3.0)), "b": (2.0, Remembers(4.0))}).state_dict()
    restored = WeightedSum({"a": (1.0, Remembers(0.0)), "b": (2.0, Remembers(0.0))})
    restored.load_state_dict(saved)
    assert [float(part.value) for _, part in restored.parts.values()] == [3.0, 4.0]
