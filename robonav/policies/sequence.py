"""The explorer's policy: RGB and previous actions in, action and value out, with memory of the episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn

from robonav.errors import UsageError
from robonav.perception.motions import NoMotions, motions_told_by
from robonav.perception.plane_sweep import EarlierFrames, PlaneSweep
from robonav.planners.goal_belief import GoalBelief, Look, NoGoalBelief, Search
from robonav.planners.next_best_view import NextBestViewPlanner, NoPlanner, Plans
from robonav.planners.own_map import NoOwnMap, OwnMap, Places
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.encoder import ObservationEncoder, Percept
from robonav.policies.encoders.goal import GoalContext, NoGoal
from robonav.policies.heads import ActionDistribution, GaussianHead, head_for
from robonav.policies.recurrent import RecurrentState, RecurrentTrunk
from robonav.policies.transformer import CausalTransformer, KeyValueCache

TensorDict = dict[str, Tensor]
Frames = KeyValueCache | RecurrentState
_LOG_STD_WITH_A_PLAN = -1.0  # of velocities at first: with 0 they would hardly follow the plan
GOALS = ("goal", "point_goal")  # what an observation may tell of where to go: an image, or a place


@dataclass
class Memory:
    """Memory of the episodes of N agents while acting.

    Attributes:
        frames: The trunk's memory of earlier frames, for each of the policy's contexts.
        earlier: Earlier images, for the plane sweep.
        places: The agents' own maps.
        plans: The planner's state on these maps.
        goals: (N, F) features of the goal images; of no size where there are none.
        search: Estimate of the places where the goal images were taken.
    """

    frames: list[Frames]
    earlier: EarlierFrames
    places: Places
    plans: Plans
    goals: Tensor
    search: Search


def trunk_of(size: SequencePolicyConfig) -> CausalTransformer | RecurrentTrunk:
    """Build the sequence model of a policy of that size."""
    if size.trunk == "lstm":
        return RecurrentTrunk(size.width, size.blocks)
    return CausalTransformer(size.width, size.blocks, size.heads, size.window)


class SequencePolicy(BasePolicy):
    """Frozen predictor, map of its own, planner on it, trunk that remembers, linear actor and critic heads.

    Actor and critic read the same trunk; where they may look back on different numbers of frames, it works
    once for each with the same weights.

    It reads the keys of a Dict observation, each by its encoder. `rgb` (channels first, as SB3's
    `VecTransposeImage` gives it) goes through the frozen predictor; without it there is no map or planner.

    Raises:
        UsageError: The observation or action space cannot be read.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: SequencePolicyConfig | None = None,
    ) -> None:
        if not isinstance(observation_space, spaces.Dict):
            raise UsageError(
                f"the observation is {observation_space}, expected a Dict that names its keys: wrap the env "
                "with gymnasium.wrappers.TransformObservation"
            )
        super().__init__(observation_space, action_space)
        self.config = self._fitting(config or SequencePolicyConfig())
        own_map = self.config.own_map
        motions = motions_told_by(observation_space.spaces.get("previous_action"))
        self.places = (
            OwnMap(own_map, motions) if own_map and not isinstance(motions, NoMotions) else NoOwnMap()
        )
        self.guide = self._guide()
        self.sweep = PlaneSweep(motions)
        self.search = self._search("goal" in observation_space.spaces)
        self.encoder = ObservationEncoder(
            observation_space, self.config.predictor, self.places, self.guide, self.config.width
        )
        self.trunk = trunk_of(self.config)
        self.actor = head_for(action_space, self.config.width)
        self.critic = nn.Linear(self.config.width, self.config.value_heads)
        self._initialise()

    def _fitting(self, config: SequencePolicyConfig) -> SequencePolicyConfig:
        """The sizes without what the spaces leave no use for: a map and a planner need `rgb`."""
        assert isinstance(self.observation_space, spaces.Dict)
        keys = self.observation_space.spaces
        if "rgb" not in keys:
            return replace(config, own_map=None, planner=None, finder=None)
        told = motions_told_by(keys.get("previous_action"))
        unknown = isinstance(told, NoMotions)
        if (config.own_map and unknown) or (config.planner and not told.acts_in(self.action_space)):
            raise UsageError(
                "the policy's own map and planner need steps or velocities as actions, told by "
                f"previous_action; actions are {self.action_space} and previous_action is "
                f"{keys.get('previous_action')}: choose a preset without them, such as recuriosity"
            )
        return config

    def new_memory(self, batch: int) -> Memory:
        """An empty memory for `batch` agents."""
        device = self.device
        earlier, goals = self.sweep.new(batch, device), self._goal.new(batch, device)
        places, plans = self.places.new(batch, device), self.guide.new(batch, device)
        search = self.search.new(batch, device)
        return Memory(self._new_frames(batch), earlier, places, plans, goals, search)

    def perceive(self, observation: TensorDict, memory: Memory, starts: Tensor) -> Percept:
        """Look at an observation of N agents, map it and plan; starts (N,) bool."""
        percept = self.encoder.keep(observation)
        return (
            percept if self.encoder.predictor is None else percept | self._look(observation, memory, starts)
        )

    def _look(self, observation: TensorDict, memory: Memory, starts: Tensor) -> Percept:
        """Run frozen predictor, own map and planner on rgb (N, 3, H, W) after previous_action."""
        assert self.encoder.predictor is not None
        rgb = observation["rgb"]
        previous_action = observation.get("previous_action", starts)  # nothing reads it if it is not told
        sweep = self.sweep.observe(memory.earlier, rgb, previous_action, starts)
        features, scan = self.encoder.look(rgb, sweep)
        self.places.observe(memory.places, scan, previous_action, starts)
        goal = self._goal.look(self.encoder.predictor, observation, memory.goals, starts)
        frame, picture = Look(rgb, features), Look(observation.get("goal", rgb), goal)
        turned = self.places.in_turns(memory.places)
        sought = self.search.observe(memory.search, frame, picture, turned, starts)
        advice = self.guide.advise(memory.plans, memory.places, previous_action, starts, sought)
        made = {"rgb": features, "own_map": self.places.windows(memory.places), "plan": advice, "goal": goal}
        return {name: part for name, part in made.items() if name in self.encoder.kept}

    def step(self, percept: Percept, memory: Memory, starts: Tensor) -> tuple[ActionDistribution, Tensor]:
        """Decide on one frame per agent, and remember it; starts (N,) bool.

        Returns:
            The action distribution and the values (N, value heads).
        """
        token = self.encoder(percept)
        hidden = [self.trunk.step(token, starts, frames) for frames in memory.frames]  # type: ignore[arg-type]
        return self._distribution(hidden[0], percept), self.critic(hidden[-1])

    def peek_value(self, observation: TensorDict, memory: Memory) -> Tensor:
        """Values (N, value heads) of a next frame that is not kept: the next step writes its slot again."""
        frames: Any = [frames.branch() for frames in memory.frames]
        kept = memory.earlier.copy(), memory.places.copy(), memory.plans.copy()
        branch = Memory(frames, *kept, memory.goals, memory.search.copy())
        goes_on = torch.zeros(count_of(observation), dtype=torch.bool, device=self.device)
        return self.step(self.perceive(observation, branch, goes_on), branch, goes_on)[1]

    def forward(
        self, percepts: Percept, starts: Tensor, before: Sequence[Frames | None] = (None, None)
    ) -> tuple[ActionDistribution, Tensor]:
        """Whole sequences of percepts (B, T, ...); starts (B, T) bool.

        Args:
            percepts: Percepts of the steps.
            starts: Where episodes begin.
            before: Each context's memory of the trunk before the first of them; None = empty.

        Returns:
            Action distribution and values (B, T, value heads).
        """
        tokens = self.encoder(percepts)
        contexts = self.config.contexts
        pairs = zip(contexts, before[: len(contexts)], strict=True)
        hidden = [self.trunk(tokens, starts, context, memory) for context, memory in pairs]
        return self._distribution(hidden[0], percepts), self.critic(hidden[-1])

    def act(
        self, observation: TensorDict, memory: Memory, starts: Tensor
    ) -> tuple[ActionDistribution, Tensor]:
        """Perceive and step on an observation of N agents, starts (N,) bool; written to memory."""
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
        count = count_of(tensors)
        memory = self.new_memory(count) if state is None else state
        starts = np.full(count, state is None) if episode_start is None else np.asarray(episode_start, bool)
        with torch.no_grad():
            starts_tensor = torch.as_tensor(starts, device=self.device).reshape(count)
            distribution, _ = self.act(tensors, memory, starts_tensor)
        array = self.actor.to_env(self._chosen(distribution, deterministic).cpu().numpy())
        return (array if vectorized else array[0]), memory

    def flatten_actions(self, observation: TensorDict) -> TensorDict:
        """The observation with Discrete keys as (N,) int64, whatever shape SB3 gave them."""
        assert isinstance(self.observation_space, spaces.Dict)
        named = self.observation_space.spaces
        return {
            name: value.long().flatten() if isinstance(named.get(name), spaces.Discrete) else value
            for name, value in observation.items()
        }

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        """One step without history, for SB3 code that knows no state."""
        observation = self.flatten_actions(observation)
        count = count_of(observation)
        starts = torch.ones(count, dtype=torch.bool, device=self.device)
        distribution, _ = self.act(observation, self.new_memory(count), starts)
        return self._chosen(distribution, deterministic)

    def _chosen(self, distribution: Any, deterministic: bool) -> Tensor:
        return self.actor.mode(distribution) if deterministic else self.actor.draw(distribution)

    def _new_frames(self, batch: int) -> Any:
        """An empty memory of the trunk for each of the policy's contexts."""
        return [self.trunk.new_cache(batch, self.device, context) for context in self.config.contexts]

    def _guide(self) -> NextBestViewPlanner | NoPlanner:
        planner = self.config.planner
        return (
            NextBestViewPlanner(planner, self.places)
            if planner and isinstance(self.places, OwnMap)
            else NoPlanner()
        )

    def _search(self, is_shown_a_picture: bool) -> GoalBelief | NoGoalBelief:
        finder, predictor, own_map = self.config.finder, self.config.predictor, self.config.own_map
        if finder and own_map and is_shown_a_picture:
            return GoalBelief(finder, predictor, own_map)
        return NoGoalBelief()

    @property
    def _goal(self) -> GoalContext | NoGoal:
        goal = self.encoder.goal
        return goal if isinstance(goal, GoalContext) else NoGoal()

    def _distribution(self, hidden: Tensor, percept: Percept) -> ActionDistribution:
        prior = self.guide.prior(percept["plan"]) if "plan" in percept else 0.0
        return self.actor.distribution(hidden, prior)

    def _initialise(self) -> None:
        """Orthogonal weights; a nearly uniform policy and small values at the beginning."""
        of_rgb = ("image", "places", "advice") if self.encoder.predictor else ()
        parts = [part for name in of_rgb for part in self.encoder.get_submodule(name).modules()]
        for part in (*parts, *self.trunk.modules(), self.actor, self.critic):
            if isinstance(part, nn.Linear | nn.Conv2d):
                assert part.bias is not None
                nn.init.orthogonal_(part.weight)
                nn.init.zeros_(part.bias)
        self.trunk.initialise()
        nn.init.orthogonal_(self.actor.weight, gain=0.01)
        if isinstance(self.actor, GaussianHead) and self.config.planner:
            nn.init.constant_(self.actor.log_std, _LOG_STD_WITH_A_PLAN)
        nn.init.orthogonal_(self.critic.weight, gain=0.1)
        self.encoder.initialise()


def count_of(observation: TensorDict) -> int:
    """Of how many agents it is."""
    return len(next(iter(observation.values())))
