"""The loop of an episode: what agents are told, in which order, and what is yielded."""

import numpy as np

from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT, previous_action
from robonav.envs.navigation.tasks import SparseGoal
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.rollout import rollout
from robonav.envs.sensors.camera import Camera
from tests.worlds import Rooms

CAMERA = Camera(width=8, height=8)


def test_it_is_the_loop_written_out_by_hand():
    actions = np.random.default_rng(0).choice([FORWARD, LEFT, RIGHT], (30, 2), p=[0.7, 0.2, 0.1])
    world = NavigationWorld(NavigationSimulator(Rooms(), 2, CAMERA, 1), 10, task=SparseGoal)
    episodes = [sample_episode(world.simulator, f"room-{k}", k) for k in range(2)]
    told, chosen = [], iter(actions)

    def act(observation, frames):
        np.testing.assert_array_equal(observation["rgb"], frames.rgb)
        told.append(observation)
        return next(chosen)

    walked = list(rollout(world, world.start(episodes), act, len(actions)))

    simulator = NavigationSimulator(Rooms(), 2, CAMERA, 1)
    task = SparseGoal(simulator)
    task.begin(episodes, range(2))
    frames, previous = simulator.start(episodes), np.zeros(2, np.int64)
    for step, action in enumerate(actions):
        np.testing.assert_array_equal(walked[step].rgb, frames.rgb)
        np.testing.assert_array_equal(told[step]["previous_action"], previous)
        np.testing.assert_array_equal(told[step]["point_goal"], task.observe()["point_goal"])
        frames = simulator.step(action)
        task.judge(frames)
        previous = previous_action(action, frames)
    assert len(walked) == len(actions) + 1
    np.testing.assert_array_equal(walked[-1].position, frames.position)
    assert frames.collided.any() or any(seen.collided.any() for seen in walked)
