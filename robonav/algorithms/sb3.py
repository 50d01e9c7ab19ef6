"""Algorithms of Stable-Baselines3 and sb3-contrib on our worlds, with typed hyper-parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from robonav.errors import UsageError

SB3Name = Literal["ppo", "sac", "recurrent-ppo"]
SB3_NAMES = get_args(SB3Name)


@dataclass(frozen=True)
class PPOConfig:
    """Hyper-parameters of PPO (Schulman et al. 2017); the defaults are SB3's, but for shorter rollouts."""

    learning_rate: float = 3e-4
    """Of Adam."""
    n_steps: int = 256
    """Steps per environment and update."""
    batch_size: int = 256
    """Steps per gradient step."""
    n_epochs: int = 4
    """Passes over a rollout."""
    gamma: float = 0.99
    """Discount per step."""
    gae_lambda: float = 0.95
    """Trace decay of the advantage estimate."""
    clip_range: float = 0.2
    """Clip range of the probability ratio."""
    ent_coef: float = 0.01
    """Weight of the entropy bonus."""
    net_arch: tuple[int, ...] = (64, 64)
    """Widths of the layers behind the encoder."""
    normalise_rewards: bool = False
    """Whether rewards are divided by the running deviation of their returns, as sparse ones need it."""


@dataclass(frozen=True)
class RecurrentPPOConfig(PPOConfig):
    """Hyper-parameters of PPO with an LSTM, from sb3-contrib."""

    n_steps: int = 128
    """Steps per environment and update; the LSTM's state is carried over."""
    lstm_hidden_size: int = 128
    """Width of the LSTM."""


@dataclass(frozen=True)
class SACConfig:
    """Hyper-parameters of soft actor-critic (Haarnoja et al. 2018), for continuous actions."""

    learning_rate: float = 3e-4
    """Of Adam."""
    buffer_size: int = 20_000
    """Steps that the replay buffer holds, of all environments together."""
    learning_starts: int = 1_000
    """Steps before the first gradient step."""
    batch_size: int = 256
    """Steps per gradient step."""
    gamma: float = 0.99
    """Discount per step."""
    tau: float = 0.005
    """Share by which target networks follow."""
    train_freq: int = 1
    """Steps per environment between updates."""
    gradient_steps: int = 1
    """Gradient steps per update."""
    net_arch: tuple[int, ...] = (256, 256)
    """Widths of the layers behind the encoder."""
    normalise_rewards: bool = False
    """Whether rewards are divided by the running deviation of their returns."""


_NOT_SB3S = ("net_arch", "lstm_hidden_size", "normalise_rewards")
SB3Config = PPOConfig | RecurrentPPOConfig | SACConfig


def sb3_class(name: str) -> tuple[type[BaseAlgorithm], str]:
    """The class of an algorithm, and the name of its policy for observations by name.

    Raises:
        UsageError: sb3-contrib, which has it, is not installed.
    """
    import stable_baselines3

    if name == "recurrent-ppo":
        try:
            from sb3_contrib import RecurrentPPO
        except ImportError as error:
            raise UsageError(
                f"recurrent-ppo needs sb3-contrib ({error}): pip install 'robonav[contrib]'"
            ) from error
        return RecurrentPPO, "MultiInputLstmPolicy"
    kinds: dict[str, type[BaseAlgorithm]] = {"ppo": stable_baselines3.PPO, "sac": stable_baselines3.SAC}
    return kinds[name], "MultiInputPolicy"


def check_actions(name: str, space: spaces.Space[Any]) -> None:
    """Refuse actions that an algorithm cannot take.

    Raises:
        UsageError: They are of another kind.
    """
    if name == "sac" and not isinstance(space, spaces.Box):
        raise UsageError(
            f"sac gives continuous actions, and this world takes {space}: use --algorithm ppo or "
            "recurrent-ppo, or a world with continuous actions (--actions velocities)"
        )


def policy_options(config: SB3Config) -> dict[str, Any]:
    """Keyword arguments of the policy, ready for JSON."""
    options: dict[str, Any] = {"net_arch": list(config.net_arch)}
    if isinstance(config, RecurrentPPOConfig):
        options["lstm_hidden_size"] = config.lstm_hidden_size
    return options


def make_sb3(name: str, env: VecEnv, config: SB3Config, seed: int, device: str) -> BaseAlgorithm:
    """The algorithm by its name, ready to learn; it sees all that the worlds show, by MultiInputPolicy.

    Raises:
        UsageError: The actions of the worlds are not its kind, or its package is missing.
    """
    check_actions(name, env.action_space)
    kind, policy = sb3_class(name)
    options = {key: value for key, value in vars(config).items() if key not in _NOT_SB3S}
    return kind(
        policy, env, policy_kwargs=policy_options(config), seed=seed, device=device, verbose=0, **options
    )
