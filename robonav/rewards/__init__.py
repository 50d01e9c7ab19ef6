"""Intrinsic rewards for any vector environment.

from robonav.rewards import IntrinsicRewardVecEnv, make_reward
env = IntrinsicRewardVecEnv(venv, make_reward("rnd"), weight=0.5)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robonav.rewards.registry import make_reward as make_reward
    from robonav.rewards.vec_env import IntrinsicRewardVecEnv as IntrinsicRewardVecEnv

__all__ = ["IntrinsicRewardVecEnv", "make_reward"]
_WHERE = {"IntrinsicRewardVecEnv": "vec_env", "make_reward": "registry"}


def __getattr__(name: str) -> Any:
    """Load names when they are asked for: torch takes a second."""
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"robonav.rewards.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
