"""The wrapper that pays an intrinsic reward in any SB3 algorithm, in any vector environment."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from torch import nn

from robonav.errors import UsageError
from robonav.rewards.bonus_share import BonusShare
from robonav.rewards.config import RewardConfig, every_agent
from robonav.rewards.finite import first_not_finite
from robonav.rewards.protocol import IntrinsicReward, Snapshot, State, Transition
from robonav.rewards.return_scale import ReturnScale
from robonav.rewards.schedule import Schedule
from robonav.rewards.snapshots import Snapshots, context_of

Streams = Literal["sum", "two"]


class IntrinsicRewardVecEnv(VecEnvWrapper):
    """Pays an intrinsic reward beside that of the environments, before any advantage is computed.

    Each step is scored by the observation that it led to, also at the end of an episode, and before the
    reward learns from it. Off-policy algorithms store what was paid at the time, which grows stale in their
    buffer; those that compute rewards anew (SB3's HerReplayBuffer) are refused.

    Args:
        venv: Any vector environment, wrapped or not: one of robonav's has privileged frames too.
        reward: The reward: its configuration, such as `make_reward("rdd")`, or one that is built already.
        weight: Of the bonus; a number, or what gives it for environment steps, such as `LinearSchedule`.
        streams: "sum": the bonus is added to the environments' reward, for any algorithm. "two": their reward
            stays, for algorithms with a value head of the bonus, such as SequencePPO with `intrinsic_gamma`.
        normalise: Whether the bonus is divided by the running std of its discounted return.
        gamma: Discount of that return.
        episodic: Whether that return ends with episodes; None = as the reward's configuration says.
        seed: Decides initial weights and what the reward draws.
        device: Where its networks and maps live.
        threads: CPU threads of a map's kernels.
        predictor: robonav's depth-and-occupancy predictor, for rewards that can read its features.

    Attributes:
        reward: The intrinsic reward.
        intrinsic_rewards: (N,) float32 what was paid in the last step: normalised, and times the weight.
        episodic: Whether the discounted return of the bonus ends with episodes.
        training: Set False to freeze: nothing is paid, and no state changes.
        metrics: Metrics of the reward's last update, by name.
        share: The bonus as a share of all reward; warns where it stays below one percent.
        num_steps: Environment steps that were paid.

    Raises:
        UsageError: The reward cannot read the observations, or `streams` is unknown.
    """

    def __init__(
        self,
        venv: VecEnv,
        reward: RewardConfig | IntrinsicReward,
        weight: float | Schedule = 1.0,
        streams: Streams = "sum",
        normalise: bool = True,
        gamma: float = 0.99,
        episodic: bool | None = None,
        seed: int = 0,
        device: str = "cpu",
        threads: int = 1,
        predictor: nn.Module | None = None,
    ) -> None:
        if streams not in get_args(Streams):
            raise UsageError(f'streams is {streams!r}: give "sum" or "two"')
        super().__init__(venv)
        self.episodic = getattr(reward, "episodic", True) if episodic is None else episodic
        if isinstance(reward, RewardConfig):
            reward = reward.build(context_of(venv, seed, device, threads, predictor))
        self.reward: IntrinsicReward = reward
        self.weight, self.streams, self.normalise = weight, streams, normalise
        self.training, self.num_steps, self.metrics = True, 0, dict[str, float]()
        self.intrinsic_rewards = np.zeros(venv.num_envs, np.float32)
        self.share = BonusShare()
        self._scale = ReturnScale(venv.num_envs, gamma)
        self._snapshots = Snapshots(venv)
        self._begins = every_agent(venv.num_envs)  # whose intrinsic return starts with the next step
        self._knows_episode = False
        self._actions: NDArray[Any] = np.zeros(0)

    def reset(self) -> Any:
        """Start new episodes."""
        observation = self.venv.reset()
        self._now = self._snapshots.now(observation)
        self.intrinsic_rewards = np.zeros(self.num_envs, np.float32)
        self._begins, self._knows_episode = np.full(self.num_envs, self.episodic), False
        if self.training:
            self._begin(self._now)
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions, and send them on."""
        self._actions = np.array(actions)
        self.venv.step_async(actions)

    def step_wait(self) -> Any:
        """The step of the environments with the intrinsic reward.

        Raises:
            UsageError: An observation or a reward is not finite.
        """
        observation, task, dones, infos = self.venv.step_wait()
        before, self._now = self._now, self._snapshots.now(observation)
        if not self.training:
            self.intrinsic_rewards, self._knows_episode = np.zeros(self.num_envs, np.float32), False
            return observation, task, dones, infos
        if not self._knows_episode:
            self._begin(before)
        truncated = dones & [bool(info.get("TimeLimit.truncated", False)) for info in infos]
        after = self._snapshots.outcome(self._now, dones, infos)
        step = Transition(before, self._actions, after, dones & ~truncated, truncated)
        self._pay(step, np.asarray(task))
        for info, paid in zip(infos, self.intrinsic_rewards, strict=True):
            info["intrinsic_reward"] = float(paid)
        if self.streams == "sum":
            task = (task + self.intrinsic_rewards).astype(np.float32)
        return observation, task, dones, infos

    def env_method(self, method_name: str, *args: Any, **kwargs: Any) -> list[Any]:
        """Call a method of the environments.

        Raises:
            UsageError: A replay buffer computes rewards anew, without the bonus.
        """
        if method_name == "compute_reward":
            raise UsageError(
                "HerReplayBuffer computes rewards anew, and the bonus would be lost: take SB3's ReplayBuffer "
                "or an on-policy algorithm, or leave IntrinsicRewardVecEnv out"
            )
        return self.venv.env_method(method_name, *args, **kwargs)

    def state_dict(self) -> State:
        """The state of the reward and of its scale, and the steps so far: flat arrays by name."""
        parts = {"reward": self.reward.state_dict(), "scale": self._scale.state_dict()}
        state = {f"{part}/{name}": array for part, names in parts.items() for name, array in names.items()}
        return {**state, "num_steps": np.array(self.num_steps)}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave; go on with `reset`.

        Raises:
            KeyError, ValueError, RuntimeError: It is the state of something else.
        """
        for part, owner in (("reward/", self.reward), ("scale/", self._scale)):
            own = {name.removeprefix(part): array for name, array in state.items() if name.startswith(part)}
            owner.load_state_dict(own)
        self.num_steps = int(state["num_steps"])

    def _begin(self, first: Snapshot) -> None:
        """Show the reward where all agents are; what it knew of their episodes is gone."""
        self.reward.reset(every_agent(self.num_envs), first)
        self._knows_episode = True

    def _pay(self, step: Transition, task: NDArray[Any]) -> None:
        """Score the step, then let the reward learn from it."""
        bonus = np.asarray(self.reward.compute(*step), np.float32)
        self._check(bonus, task)
        if self.normalise:
            self._scale.take_in(bonus, self._begins)
            bonus = self._scale.divided(bonus)
        weight = self.weight(self.num_steps) if callable(self.weight) else self.weight
        self.intrinsic_rewards = (np.float32(weight) * bonus).astype(np.float32)
        if weight:
            self.share.add(task, self.intrinsic_rewards)
        self._begins = step.over & self.episodic
        self.num_steps += self.num_envs
        self.metrics = self.reward.update(step)
        if step.over.any():
            self.reward.reset(step.over, self._now)

    def _check(self, bonus: NDArray[np.float32], task: NDArray[Any]) -> None:
        if first_not_finite(bonus) or first_not_finite(task):
            raise UsageError(
                f"{type(self.reward).__name__} paid {bonus.tolist()} beside {task.tolist()} of the task: "
                "rewards have to be finite"
            )
