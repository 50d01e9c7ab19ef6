"""A reward for getting to places that a topological map proposes (TopoNav-style)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.mapping.agent_maps import AgentMaps
from robonav.maps.topology.mapper import TopologyConfig
from robonav.maps.topology.sub_goals import SubGoalWeights, choose_sub_goal, novelty, sub_goal_scores
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.on_frames import OnFrames

_CELL_M, _STRIDE = 0.20, 2  # a coarse map is enough to propose where to go


@dataclass(frozen=True)
class SubGoalConfig(RewardConfig):
    """Pays for getting to places that a topological map from true depth and pose proposes.

    TopoNav gives no formula; these are the constants of the reference design.
    """

    reached: float = 1.0
    """For getting to a sub-goal that was never visited; 1 / (1 + visits) of it for others."""
    step: float = 0.01
    """Taken off for each step."""
    collision: float = 0.1
    """Taken off for each blocked move."""
    patience: int = 100
    """Steps after which a sub-goal is given up."""
    look_every: int = 8
    """Steps between two looks at the frontiers."""
    weights: SubGoalWeights = field(default_factory=SubGoalWeights)
    topology: TopologyConfig = field(default_factory=TopologyConfig)

    name = "sub-goals"
    source = "TopoNav: a reward for each sub-goal that is reached, less steps and bumps"
    episodic = True

    def build(self, context: RewardContext) -> OnFrames:
        """The reward with a map for each agent.

        Raises:
            UsageError: The environment has no privileged frames of a camera.
        """
        return OnFrames(SubGoalReward(context.num_envs, context.privileged_camera(self.name), self))


@dataclass(frozen=True, eq=False)
class SubGoal:
    """Goal of an agent; it stays until it is reached or given up, also if its frontier is gone by then.

    Attributes:
        node: Id of the place or frontier.
        xy: (2,) metres.
        novelty: Reward for reaching it, in (0, 1].
    """

    node: int
    xy: NDArray[np.float64]
    novelty: float


class SubGoalReward:
    """A reward of frames: each agent's map proposes a sub-goal, and getting there is paid once.

    The maps are built from true depth and pose. The policy is not told where its sub-goal is.

    Args:
        num_envs: Number of environments, each with a map of its own.
        camera: The camera of the frames.
        config: Options of the reward.
    """

    def __init__(self, num_envs: int, camera: Camera, config: SubGoalConfig | None = None) -> None:
        self.config = config or SubGoalConfig()
        self.maps = AgentMaps(num_envs, camera, self.config.topology, _CELL_M, _STRIDE)
        self.sub_goals: list[SubGoal | None] = [None] * num_envs
        self._steps = np.zeros(num_envs, np.int64)  # of the episode
        self._pursued = np.zeros(num_envs, np.int64)  # steps since the sub-goal was proposed

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Throw the maps and sub-goals of these environments away."""
        self.maps.reset(env_ids)
        for env in range(len(self.sub_goals)) if env_ids is None else env_ids:
            self.sub_goals[env] = None
            self._steps[env] = self._pursued[env] = 0

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,) for where the agents got to: sub-goal reached, a step gone, a move blocked."""
        worth = [self._arrived(env, frames) for env in range(len(self.sub_goals))]
        paid = self.config.reached * np.array(worth) - self.config.step
        return (paid - self.config.collision * frames.collided).astype(np.float32)

    def update(self, frames: Frames) -> None:
        """Take the frames into the maps, and propose new sub-goals where the old ones are done with."""
        self.maps.update(frames)
        for env in range(len(self.sub_goals)):
            if self._steps[env] % self.config.look_every == 0:
                self.maps.see_frontiers(env)
            self._pursue(env, self._arrived(env, frames) > 0)
        self._steps += 1

    def _arrived(self, env: int, frames: Frames) -> float:
        """Value of the sub-goal if the agent has reached it, else 0."""
        sub_goal = self.sub_goals[env]
        if sub_goal is None:
            return 0.0
        away = np.linalg.norm(frames.position[env, :2] - sub_goal.xy)
        return sub_goal.novelty if away <= self.config.topology.reach_m else 0.0

    def _pursue(self, env: int, arrived: bool) -> None:
        """Keep the sub-goal, or propose the next one."""
        sub_goal = self.sub_goals[env]
        self._pursued[env] += 1
        if sub_goal is not None and not arrived:
            if self._pursued[env] < self.config.patience:
                return
            self.maps.topology.mappers[env].failed(sub_goal.node)
        self.sub_goals[env], self._pursued[env] = self._propose(env), 0

    def _propose(self, env: int) -> SubGoal | None:
        mapper = self.maps.topology.mappers[env]
        nodes = mapper.candidates()
        scores = sub_goal_scores(nodes, self.config.weights, mapper.xy)
        row = choose_sub_goal(nodes, scores, mapper.xy, 2 * self.config.topology.reach_m)
        if row is None:
            return None
        node = int(nodes.ids[row])
        if nodes.is_frontier[row]:
            mapper.graph.frontiers[node].tries += 1
        return SubGoal(node, nodes.xy[row], float(novelty(nodes.visits[row])))
