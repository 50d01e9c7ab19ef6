"""The explorer's policy: RGB and previous actions in, action and value out, with memory of the episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn
from torch.distributions import Categorical

from robonav.perception.plane_sweep import EarlierFrames, PlaneSweep
from robonav.planners.goal_belief import GoalSearch, Look, NoGoalSearch, Search
from robonav.planners.next_best_view import Guide, NoGuide, Plans
from robonav.planners.own_map import NoSpatialMemory, Places, SpatialMemory
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.encoder import FrameEncoder, Percept
from robonav.policies.recurrent import RecurrentState, RecurrentTrunk
from robonav.policies.transformer import CausalTransformer, KeyValueCache

TensorDict = dict[str, Tensor]
GOALS = ("goal", "point_goal")  # what an observation may tell of where to go: an image, or a place


@dataclass
class Memory:
    """What N agents remember of their episodes while acting.

    Attributes:
        frames: What the trunk holds of earlier frames, for each of the policy's contexts.
        earlier: Images to compare with.
        places: Their own maps.
        plans: What they are up to on these maps.
        goals: (N, F) what their goal images look like; of no size where there are none.
        search: Where they believe these were taken.
    """

    frames: list[KeyValueCache] | list[RecurrentState]
    earlier: EarlierFrames
    places: Places
    plans: Plans
    goals: Tensor
    search: Search


def trunk_of(size: SequencePolicyConfig) -> CausalTransformer | RecurrentTrunk:
    """What remembers frames in a policy of that size."""
    if size.trunk == "lstm":
        return RecurrentTrunk(size.width, size.blocks)
    return CausalTransformer(size.width, size.blocks, size.heads, size.window)


class SequencePolicy(BasePolicy):
    """Frozen eye, map of its own, planner on it, trunk that remembers, linear actor and critic heads.

    Actor and critic read the same trunk; where they may look back on different numbers of frames, it works
    once for each with the same weights.

    It reads `rgb` (channels first, as SB3's `VecTransposeImage` gives it) and `previous_action`, and a `goal`
    image or a `point_goal` where the task has one; no more.

    Raises:
        ValueError: The observation or action space is not that of a navigation world.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: SequencePolicyConfig | None = None,
    ) -> None:
        told = set(observation_space) if isinstance(observation_space, spaces.Dict) else set()
        if told - {*GOALS, "odometry"} != {"rgb", "previous_action"}:
            raise ValueError(
                f"SequencePolicy needs a Dict with rgb and previous_action, found {observation_space}"
            )
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"SequencePolicy needs a Discrete action space, found {action_space}")
        super().__init__(observation_space, action_space)
        self.config = config or SequencePolicyConfig()
        spatial = self.config.spatial
        self.places = SpatialMemory(spatial) if spatial else NoSpatialMemory()
        self.guide = self._guide()
        self.sweep = PlaneSweep()
        self.search = self._search("goal" in told)
        self.encoder = FrameEncoder(
            self.config.vision,
            self.places,
            self.guide,
            int(action_space.n),
            self.config.width,
            goal=next((name for name in GOALS if name in told), None),
        )
        self.trunk = trunk_of(self.config)
        self.actor = nn.Linear(self.config.width, int(action_space.n))
        self.critic = nn.Linear(self.config.width, 1)
        self._initialise()

    def new_memory(self, batch: int) -> Memory:
        """An empty memory for `batch` agents."""
        device = self.device
        earlier, goals = self.sweep.new(batch, device), self.encoder.goal.new(batch, device)
        places, plans = self.places.new(batch, device), self.guide.new(batch, device)
        search = self.search.new(batch, device)
        return Memory(self._new_frames(batch), earlier, places, plans, goals, search)

    def perceive(self, observation: TensorDict, memory: Memory, starts: Tensor) -> Percept:
        """Look at rgb (N, 3, H, W), map it after previous_action (N,), and plan; starts (N,) bool."""
        previous_action = observation["previous_action"]
        sweep = self.sweep.observe(memory.earlier, observation["rgb"], previous_action, starts)
        features, scan = self.encoder.look(observation["rgb"], sweep)
        self.places.observe(memory.places, scan, previous_action, starts)
        goal = self.encoder.goal.look(self.encoder.eye, observation, memory.goals, starts)
        rgb = observation["rgb"]
        frame, picture = Look(rgb, features), Look(observation.get("goal", rgb), goal)
        sought = self.search.observe(memory.search, frame, picture, memory.places, starts)
        advice = self.guide.advise(memory.plans, memory.places, previous_action, starts, sought)
        return Percept(features, self.places.windows(memory.places), advice, previous_action, goal)

    def step(self, percept: Percept, memory: Memory, starts: Tensor) -> tuple[Categorical, Tensor]:
        """Decide on one frame per agent, and remember it; starts (N,) bool.

        Returns:
            The action distribution and the values (N,).
        """
        token = self.encoder(percept)
        hidden = [self.trunk.step(token, starts, frames) for frames in memory.frames]  # type: ignore[arg-type]
        return self._distribution(hidden[0], percept), self.critic(hidden[-1])[:, 0]

    def peek_value(self, observation: TensorDict, memory: Memory) -> Tensor:
        """Values (N,) of a next frame that is not kept: the next step writes its slot again."""
        frames: Any = [frames.branch() for frames in memory.frames]
        kept = memory.earlier.copy(), memory.places.copy(), memory.plans.copy()
        branch = Memory(frames, *kept, memory.goals, memory.search.copy())
        goes_on = torch.zeros(len(observation["rgb"]), dtype=torch.bool, device=self.device)
        return self.step(self.perceive(observation, branch, goes_on), branch, goes_on)[1]

    def forward(self, percepts: Percept, starts: Tensor) -> tuple[Categorical, Tensor]:
        """Whole sequences of percepts (B, T, ...); starts (B, T) bool.

        Returns:
            Action distribution and values (B, T).
        """
        tokens = self.encoder(percepts)
        hidden = [self.trunk(tokens, starts, context) for context in self.config.contexts]
        return self._distribution(hidden[0], percepts), self.critic(hidden[-1])[..., 0]

    def act(self, observation: TensorDict, memory: Memory, starts: Tensor) -> tuple[Categorical, Tensor]:
        """Perceive and step: rgb (N, 3, H, W), previous_action (N,), starts (N,) bool; written to memory."""
        return self.step(self.perceive(observation, memory, starts), memory, starts)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """SB3's `predict`; pass the returned state back in, and `episode_start` (N,) where episodes begin.

        Returns:
            Actions (N,), or a scalar for a single observation, and the memory.
        """
        self.set_training_mode(False)
        tensors, vectorized = self.obs_to_tensor(observation)
        assert isinstance(tensors, dict)
        tensors = self.flatten_actions(tensors)
        count = tensors["rgb"].shape[0]
        memory = self.new_memory(count) if state is None else state
        starts = np.full(count, state is None) if episode_start is None else np.asarray(episode_start, bool)
        with torch.no_grad():
            starts_tensor = torch.as_tensor(starts, device=self.device).reshape(count)
            distribution, _ = self.act(tensors, memory, starts_tensor)
        actions = distribution.logits.argmax(-1) if deterministic else distribution.sample()
        array = actions.cpu().numpy()
        return (array if vectorized else array[0]), memory

    @staticmethod
    def flatten_actions(observation: TensorDict) -> TensorDict:
        """The observation with `previous_action` as (N,) int64, whatever shape SB3 gave it."""
        return {**observation, "previous_action": observation["previous_action"].long().flatten()}

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        """One step without history, for SB3 code that knows no state."""
        observation = self.flatten_actions(observation)
        count = observation["rgb"].shape[0]
        starts = torch.ones(count, dtype=torch.bool, device=self.device)
        distribution, _ = self.act(observation, self.new_memory(count), starts)
        return distribution.logits.argmax(-1) if deterministic else distribution.sample()

    def _new_frames(self, batch: int) -> Any:
        """An empty memory of the trunk for each of the policy's contexts."""
        return [self.trunk.new_cache(batch, self.device, context) for context in self.config.contexts]

    def _guide(self) -> Guide | NoGuide:
        guidance = self.config.guidance
        return (
            Guide(guidance, self.places) if guidance and isinstance(self.places, SpatialMemory) else NoGuide()
        )

    def _search(self, is_shown_a_picture: bool) -> GoalSearch | NoGoalSearch:
        finder, vision, spatial = self.config.finder, self.config.vision, self.config.spatial
        if finder and spatial and is_shown_a_picture:
            return GoalSearch(finder, vision, spatial)
        return NoGoalSearch()

    def _distribution(self, hidden: Tensor, percept: Percept) -> Categorical:
        return Categorical(logits=self.actor(hidden) + self.guide.prior(percept.advice))

    def _initialise(self) -> None:
        """Orthogonal weights; a nearly uniform policy and small values at the beginning."""
        parts = (
            *self.encoder.image.modules(),
            *self.encoder.places.modules(),
            *self.encoder.advice.modules(),
            *self.trunk.modules(),
        )
        for part in (*parts, self.actor, self.critic):
            if isinstance(part, nn.Linear | nn.Conv2d):
                assert part.bias is not None
                nn.init.orthogonal_(part.weight)
                nn.init.zeros_(part.bias)
        self.trunk.initialise()
        nn.init.orthogonal_(self.actor.weight, gain=0.01)
        nn.init.orthogonal_(self.critic.weight, gain=0.1)
        nn.init.normal_(self.encoder.previous_action.weight, std=0.1)
        self.encoder.goal.initialise()
