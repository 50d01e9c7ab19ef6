"""Pays an intrinsic reward in any Stable-Baselines3 vector environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.frame_reward import OnFrames
from robonav.rewards.protocol import IntrinsicReward, Snapshot, State, Transition

Weight = float | Callable[[int], float]
_ALONE = "observation"  # key of observations that are no Dict
_NORMALISER = ("mean", "var", "count")


class IntrinsicRewardVecEnv(VecEnvWrapper):
    """Adds an intrinsic reward to that of the environments, before any advantage is computed.

    The reward scores what an action led to, at the end of an episode the true last observation, and before
    it learns from that. Unless `normalise` is off, it is divided by the running standard deviation of its
    discounted return, of which the mean is never taken off (Burda et al. 2019, section 2.4).

    Learning algorithms that recompute rewards of stored steps, such as HER, do not see it.

    Args:
        venv: Any vector environment; wrappers may stand below and above.
        reward: What `make_reward` gave, or an `IntrinsicReward`.
        weight: Of the reward; or a function of the number of environment steps so far.
        streams: "sum" adds it to the reward of the environments. "two" leaves that alone, for algorithms with
            two value heads, which read the attribute `intrinsic_rewards` or `infos[i]["intrinsic_reward"]`.
        normalise: Whether to divide by the standard deviation.
        gamma: Discount of the return that is normalised.
        seed: Decides initial weights of the reward.
        device: Where it computes.
        context: Asked instead of what the environments tell; None = they are asked.

    Attributes:
        reward: The intrinsic reward.
        intrinsic_rewards: (N,) float32 what it paid in the last step, normalised and weighted.
        training: False = it pays nothing and nothing changes.
        metrics: Numbers that the reward told in the last step, by name.

    Raises:
        UsageError: The reward cannot read the observations or actions.
    """

    def __init__(
        self,
        venv: VecEnv,
        reward: RewardConfig | IntrinsicReward,
        weight: Weight = 1.0,
        streams: Literal["sum", "two"] = "sum",
        normalise: bool = True,
        gamma: float = 0.99,
        seed: int = 0,
        device: str = "cpu",
        context: RewardContext | None = None,
    ) -> None:
        super().__init__(venv)
        if streams not in ("sum", "two"):
            raise UsageError(f"streams is {streams!r}: choose sum or two")
        known = context or RewardContext(
            self.num_envs, named_space(venv.observation_space), venv.action_space, seed, device, **_of(venv)
        )
        self.reward: IntrinsicReward = reward.build(known) if isinstance(reward, RewardConfig) else reward
        self.training, self.metrics = True, dict[str, float]()
        self.intrinsic_rewards = np.zeros(self.num_envs, np.float32)
        self._weight, self._sums, self._normalise, self._gamma = weight, streams == "sum", normalise, gamma
        self._statistics, self._returns = RunningMeanStd(shape=()), np.zeros(self.num_envs)
        self._steps = 0
        self._action: NDArray[Any] = np.zeros(0)
        self._before = Snapshot({})
        self._has_frames = isinstance(_attribute(venv, "frames"), Frames)
        if isinstance(self.reward, OnFrames) and not self._has_frames:
            raise UsageError(
                f"{_name_of(reward)} is paid for frames, and the environments have no `frames`: give a view "
                "of a robonav world, such as NavigationVecEnv, or a reward for observations, such as rnd"
            )

    def reset(self) -> Any:
        """Start new episodes; what begins is known from then on."""
        observation = self.venv.reset()
        self.intrinsic_rewards = np.zeros(self.num_envs, np.float32)
        self._before = self._snapshot(observation, "frames")
        self._returns[:] = 0
        if self.training:
            self.reward.reset(np.ones(self.num_envs, bool), self._before)
        return observation

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions, which rewards may read."""
        self._action = np.asarray(actions)
        super().step_async(actions)

    def step_wait(self) -> Any:
        """The step of the environments, and what it is worth.

        Raises:
            UsageError: A reward or an observation is not finite.
        """
        observation, extrinsic, dones, infos = self.venv.step_wait()
        now = self._snapshot(observation, "frames")
        if self.training:
            truncated = dones & np.array([bool(info.get("TimeLimit.truncated")) for info in infos])
            step = Transition(
                self._before, self._action, self._after(now, dones, infos), dones & ~truncated, truncated
            )
            self._pay(step, extrinsic)
            self.metrics = self.reward.update(step)
            if dones.any():
                self.reward.reset(np.asarray(dones, bool), now)
            for info, paid in zip(infos, self.intrinsic_rewards.tolist(), strict=True):
                info["intrinsic_reward"] = paid
        self._before = now
        total = extrinsic + self.intrinsic_rewards if self._sums else extrinsic
        return observation, np.asarray(total, np.float32), dones, infos

    def state_dict(self) -> State:
        """All that a resumed training needs: of the reward, the normaliser, and the count of steps."""
        own = {name: np.asarray(getattr(self._statistics, name)) for name in _NORMALISER}
        own |= {"returns": self._returns.copy(), "steps": np.asarray(self._steps)}
        inner = self.reward.state_dict()
        return {
            **{f"normaliser.{k}": v for k, v in own.items()},
            **{f"reward.{k}": v for k, v in inner.items()},
        }

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave.

        Raises:
            ValueError, KeyError, RuntimeError: It is the state of something else.
        """
        for name in _NORMALISER:
            value = state[f"normaliser.{name}"]
            setattr(self._statistics, name, float(value) if name == "count" else value.copy())
        self._returns, self._steps = state["normaliser.returns"].copy(), int(state["normaliser.steps"])
        start = "reward."
        self.reward.load_state_dict({k[len(start) :]: v for k, v in state.items() if k.startswith(start)})

    def _pay(self, step: Transition, extrinsic: NDArray[Any]) -> None:
        paid = np.asarray(self.reward.compute(*step), np.float32)
        if not (np.isfinite(paid).all() and np.isfinite(extrinsic).all()):
            raise UsageError(
                f"{_name_of(self.reward)} paid {paid.tolist()} beside {np.asarray(extrinsic).tolist()} "
                "of the task: rewards have to be finite"
            )
        self._steps += self.num_envs
        if self._normalise:
            self._returns = self._returns * self._gamma + paid
            self._statistics.update(self._returns)
            paid = paid / np.float32(np.sqrt(self._statistics.var + 1e-8))
        weight = self._weight(self._steps) if callable(self._weight) else self._weight
        self.intrinsic_rewards = (np.float32(weight) * paid).astype(np.float32)

    def _after(self, now: Snapshot, dones: NDArray[np.bool_], infos: list[dict[str, Any]]) -> Snapshot:
        """Where the step led to: at the end of an episode its true last observation."""
        observation = now.observation
        if dones.any():
            observation = {key: np.array(values) for key, values in observation.items()}
            for i in np.flatnonzero(dones):
                last = infos[i]["terminal_observation"]
                for key, values in observation.items():
                    values[i] = last[key] if isinstance(last, dict) else last
        return Snapshot(observation, _attribute(self.venv, "outcome") if self._has_frames else None)

    def _snapshot(self, observation: Any, frames: str) -> Snapshot:
        named = observation if isinstance(observation, dict) else {_ALONE: observation}
        for key, values in named.items():
            if np.issubdtype(np.asarray(values).dtype, np.floating) and not np.isfinite(values).all():
                raise UsageError(f"observation {key!r} holds a value that is no number: mend the environment")
        return Snapshot(named, _attribute(self.venv, frames) if self._has_frames else None)


def _name_of(reward: Any) -> str:
    """The class of a reward; of one made of frames, that of what is within."""
    return type(getattr(reward, "reward", reward)).__name__


def named_space(space: spaces.Space[Any]) -> spaces.Dict:
    """An observation space by keys; one that is no `Dict` stands under "observation"."""
    return space if isinstance(space, spaces.Dict) else spaces.Dict({_ALONE: space})


def _of(venv: VecEnv) -> dict[str, Any]:
    """The world behind a view of it, and the camera there, where there are any."""
    world = _attribute(venv, "world")
    has_frames = isinstance(getattr(world, "frames", None), Frames)
    return {"world": world, "camera": _attribute(venv, "camera")} if has_frames else {}


def _attribute(venv: VecEnv, name: str) -> Any:
    """An attribute of the environments, below all wrappers; None where they have none."""
    try:
        return venv.get_attr(name, indices=[0])[0]
    except AttributeError:
        return None
