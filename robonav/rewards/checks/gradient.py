"""Whether the bonus reaches what is learned: the advantages of SB3's PPO, and the step of its policy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO

from robonav.rewards.checks.finding import Effort, RewardFinding
from robonav.rewards.checks.settings import Setting, setting_of
from robonav.rewards.config import RewardConfig
from robonav.rewards.vec_env import IntrinsicRewardVecEnv

_RATE = 0.1


@dataclass(frozen=True)
class Update:
    """Advantages and gradient of one update of PPO.

    Attributes:
        advantages: (T, N).
        gradient: Of the policy's weights, flat.
    """

    advantages: NDArray[np.float32]
    gradient: NDArray[np.float32]


def gradient(config: RewardConfig, effort: Effort) -> RewardFinding:
    """Whether advantages and the policy's gradient change with the bonus, and not with a bonus of weight 0.

    SB3's PPO does one plain gradient step on the same steps of the same environments each time.
    """
    setting = setting_of(config)
    alone = one_update(setting, None, 0.0)
    off, once, twice = (one_update(setting, config, weight) for weight in (0.0, 1.0, 2.0))
    silent = _equal(alone, off)
    reached = _apart(off.advantages, once.advantages)
    turned = _apart(off.gradient, once.gradient)
    scaled = _apart(once.gradient, twice.gradient)
    passed = silent and min(reached, turned, scaled) > 1e-6
    says = f"advantages differ by {reached:.0%}, gradients by {turned:.0%}"
    says += "" if silent else "; a bonus of weight 0 changes the gradient"
    return RewardFinding(
        "gradient", says, passed, {"advantages_differ_by": reached, "gradients_differ_by": turned}
    )


def one_update(setting: Setting, config: RewardConfig | None, weight: float) -> Update:
    """One rollout and one gradient step, always from the same weights and by the same actions."""
    envs = setting.make(setting.agents)
    rewarded = envs if config is None else IntrinsicRewardVecEnv(envs, config, weight)
    agent = PPO(
        setting.policy,
        rewarded,
        learning_rate=_RATE,
        n_steps=setting.steps,
        batch_size=setting.steps * setting.agents,
        n_epochs=1,
        max_grad_norm=1e9,
        policy_kwargs={"optimizer_class": torch.optim.SGD, "optimizer_kwargs": {}},
        seed=0,
        device="cpu",
    )
    before = _weights(agent)
    agent.learn(setting.steps * setting.agents)
    after = _weights(agent)
    envs.close()
    return Update(agent.rollout_buffer.advantages.copy(), (before - after) / _RATE)


def _weights(agent: PPO) -> NDArray[np.float32]:
    """The policy's weights that the loss of values does not change: those of the network of actions."""
    named = agent.policy.named_parameters()
    own = [weight for name, weight in named if "policy" in name or "action" in name]
    return torch.cat([weight.detach().ravel() for weight in own]).numpy().copy()


def _equal(one: Update, other: Update) -> bool:
    return bool(
        np.array_equal(one.advantages, other.advantages) and np.array_equal(one.gradient, other.gradient)
    )


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Norm of the difference over the larger norm."""
    scale = max(float(np.linalg.norm(one)), float(np.linalg.norm(other)), 1e-12)
    return float(np.linalg.norm(one - other)) / scale
