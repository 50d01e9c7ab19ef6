"""Everything that decides a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
import tyro

from robonav.algorithms.sb3 import PPOConfig, RecurrentPPOConfig, SACConfig
from robonav.algorithms.sequence_ppo import SequencePPOConfig
from robonav.envs.navigation.tasks import TaskConfig, resolved
from robonav.envs.sensors import SensorName
from robonav.envs.sensors.camera import Camera
from robonav.envs.world_config import WorldConfig
from robonav.envs.worlds import world_class
from robonav.errors import UsageError
from robonav.policies.config import SequencePolicyConfig
from robonav.rewards.config import RewardConfig
from robonav.rewards.registry import make_reward
from robonav.rewards.sub_goal import SubGoalConfig
from robonav.rewards.weighted_sum import WeightedSumConfig


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run."""

    scenes: str = "procedural"
    """Worlds to train in: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    steps: int = 262_144
    """Environment steps in all, a resumed run's earlier ones included."""
    num_envs: int = 32
    """Agents that walk at the same time, each in a world of its own."""
    episode_steps: int = 256
    """Steps per training episode. Evaluation may go on longer."""
    rollout_steps: int | None = None
    """Steps of every agent between updates; None = a whole episode."""
    seed: int = 0
    """Decides weights, worlds, starts and actions."""
    device: str = "auto"
    """Device of the policy: auto, cpu, cuda."""
    threads: int = 0
    """CPU threads, of each rank where there are several; 0 = all cores, shared equally."""
    checkpoint_every: int = 65_536
    """Steps between checkpoints."""
    world: str | None = None
    """Kind of world: None = buildings (scenes), warehouse, or one of an installed package."""
    world_options: Annotated[WorldConfig | None, tyro.conf.arg(name="world")] = None
    """Options of that kind of world; None = its defaults."""
    task: str | None = None
    """Task paid beside surprises: apples, image-goal, sparse-goal, or an installed one; None = no task."""
    task_options: Annotated[TaskConfig | None, tyro.conf.arg(name="task")] = None
    """Options of the task; None = its defaults."""
    init: str | None = None
    """Checkpoint to start from, predictor included: `explorer` or a folder; None = from scratch."""
    reward: str = "geometric"
    """Intrinsic reward: geometric (unmapped surface), rgb (ReCuriosity's low-passed RGB error), another one
    that `robonav rewards list` names, or one of an installed package."""
    reward_options: Annotated[RewardConfig | None, tyro.conf.arg(name="reward")] = None
    """Options of the intrinsic reward; None = its defaults."""
    surprise_weight: float = 1.0
    """Weight of the intrinsic reward; 0 = none, and no reconstruction is made."""
    more_rewards: dict[str, float] = field(default_factory=dict)
    """Weights of other intrinsic rewards that are paid as well, by name, with their default options."""
    sub_goal_weight: float = 0.0
    """Share of the reward for getting to the sub-goals of a topological map; 0 = none, and no map is made."""
    sub_goal: SubGoalConfig = field(default_factory=SubGoalConfig)
    motion_noise: float = 0.0
    """Noise of steps, and so of the policy's own map: 1 = as the simulated TurtleBot's, 0 = exact."""
    sensor: SensorName | None = None
    """Renderer of the agents' views: raycast, habitat (needs habitat-sim); None = the faster of ours."""
    predictor: Annotated[str, tyro.conf.arg(aliases=["--vision"])] = "nano"
    """The frozen predictor: one that ships with robonav, or a folder of `robonav predictor`."""
    finder: str | None = None
    """Finder of goal images: `nano`, or a folder of `robonav finder`; None = images are context alone."""
    camera: Camera = field(default_factory=Camera)
    policy: SequencePolicyConfig = field(default_factory=SequencePolicyConfig)
    ppo: SequencePPOConfig = field(default_factory=SequencePPOConfig)
    algorithm: Literal["sequence-ppo", "ppo", "sac", "recurrent-ppo"] = "sequence-ppo"
    """Learning algorithm: PPO over whole sequences, or plain PPO and SAC of SB3, or RecurrentPPO of
    sb3-contrib, which have policies of their own and take the fields plain_ppo, sac or recurrent_ppo."""
    actions: Literal["steps", "velocities"] = "steps"
    """Actions of agents: steps of 0.25 m and 15 degrees, or continuous velocities, which SAC needs."""
    plain_ppo: PPOConfig = field(default_factory=PPOConfig)
    recurrent_ppo: RecurrentPPOConfig = field(default_factory=RecurrentPPOConfig)
    sac: SACConfig = field(default_factory=SACConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is written."""
        for name in ("steps", "num_envs", "episode_steps", "rollout_steps"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")
        resolved(self.task, self.task_options)
        self.reward_config()
        if self.world_config() and (self.task or self.sub_goal_weight or self.init or self.finder):
            raise UsageError(
                f"world {self.world} has a task of its own and no scenes: leave task, init, finder and "
                "sub_goal_weight out"
            )
        least = min(self.surprise_weight, self.sub_goal_weight, *self.more_rewards.values())
        if least < 0 or not (self.rewards() or self.task or self.world):
            raise UsageError(
                f"surprise_weight is {self.surprise_weight} and sub_goal_weight {self.sub_goal_weight}: "
                "give weights of 0 or more, not both 0 where there is no task"
            )
        if not 0 <= self.motion_noise <= 100:
            raise UsageError(f"motion_noise is {self.motion_noise}: give 0 (exact) to 100, 1 = a robot's")
        if self.device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"device is {self.device!r}: choose auto, cpu or cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise UsageError(
                "device is cuda, but torch finds no GPU: use --device cpu, or ask `robonav doctor`"
            )

    def world_config(self) -> WorldConfig | None:
        """The kind of world with its options; None = buildings.

        Raises:
            UsageError: There is no such world, or the options are those of another one.
        """
        if self.world is None:
            return None
        kind = world_class(self.world)
        options = self.world_options or kind()
        if not isinstance(options, kind):
            raise UsageError(f"world {self.world} was given options of {options.name}")
        return options

    def rewards(self) -> dict[str, float]:
        """Weights of the rewards that count, by name."""
        return {name: weight for name, (weight, _) in self.reward_config().parts.items()}

    def reward_config(self) -> WeightedSumConfig:
        """The intrinsic reward: the sum of those whose weight is not 0.

        Raises:
            UsageError: There is none of a name, or the options are another reward's.
        """
        options = self.reward_options or make_reward(self.reward)
        if options.name != self.reward:
            raise UsageError(f"reward {self.reward} was given options of {options.name}: leave them out")
        parts = {self.reward: (self.surprise_weight, options)}
        parts |= {name: (weight, make_reward(name)) for name, weight in self.more_rewards.items()}
        parts |= {"sub-goals": (self.sub_goal_weight, self.sub_goal)} if self.sub_goal_weight else {}
        return WeightedSumConfig({name: part for name, part in parts.items() if part[0]})
