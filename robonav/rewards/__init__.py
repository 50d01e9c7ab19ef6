"""Intrinsic rewards for any vector environment: `IntrinsicRewardVecEnv(venv, make_reward("rdd"))`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robonav.rewards.registry import make_reward
    from robonav.rewards.schedule import LinearSchedule
    from robonav.rewards.vec_env import IntrinsicRewardVecEnv

__all__ = ["IntrinsicRewardVecEnv", "LinearSchedule", "make_reward"]

_FILES = {"IntrinsicRewardVecEnv": "vec_env", "LinearSchedule": "schedule", "make_reward": "registry"}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and torch with it, only then."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
