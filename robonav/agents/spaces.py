"""Gymnasium spaces as JSON and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

_MAX_SIDE = 4096  # pixels of an image, numbers of a vector
_VECTORS = {"point_goal", "odometry"}  # of which older checkpoints tell the shape alone


def describe_space(space: spaces.Space[Any]) -> Any:
    """A space as JSON: a count for Discrete, a shape for images of bytes, an object for what needs more.

    Raises:
        ValueError: It is of a kind that no policy reads.
    """
    if isinstance(space, spaces.Dict):
        return {key: describe_space(inner) for key, inner in space.items()}
    if isinstance(space, spaces.Discrete):
        return int(space.n) if space.start == 0 else {"n": int(space.n), "start": int(space.start)}
    if isinstance(space, spaces.MultiDiscrete):
        return {"nvec": space.nvec.tolist(), "start": space.start.tolist()}
    if isinstance(space, spaces.Box):
        if len(space.shape) == 3 and space.dtype == np.uint8:
            return list(space.shape)
        bounds = {"low": _numbers(space.low), "high": _numbers(space.high)}
        return {"shape": list(space.shape), **bounds, "dtype": str(space.dtype)}
    raise ValueError(f"{space} cannot be described")


def space_of(name: str, described: Any) -> spaces.Space[Any]:
    """The space that `describe_space` described; `name` is that of the key.

    Raises:
        ValueError: It is none, or larger than any that a policy reads.
    """
    if isinstance(described, int):
        return spaces.Discrete(described)
    if isinstance(described, list) and name in _VECTORS:
        return spaces.Box(-np.inf, np.inf, _sizes(described), np.float32)
    if isinstance(described, list):
        shape = _sizes(described)
        if not (len(shape) == 3 and min(shape) <= 16):  # channels first as SB3 has it, or last
            raise ValueError(f"an image of {shape}")
        return spaces.Box(0, 255, shape, np.uint8)
    if "n" in described:
        return spaces.Discrete(int(described["n"]), start=int(described["start"]))
    if "nvec" in described:
        return spaces.MultiDiscrete(np.array(described["nvec"]), start=np.array(described["start"]))
    shape, dtype = _sizes(described["shape"]), np.dtype(described["dtype"])
    low, high = (
        np.array([end if number is None else number for number in described[bound]]).reshape(shape)
        for bound, end in (("low", -np.inf), ("high", np.inf))
    )
    return spaces.Box(low.astype(dtype), high.astype(dtype), shape, dtype.type)


def _numbers(bound: np.ndarray[Any, Any]) -> list[float | int | None]:
    """Flat; None where there is no bound."""
    return [number if np.isfinite(number) else None for number in bound.flatten().tolist()]


def _sizes(shape: list[Any]) -> tuple[int, ...]:
    sizes = tuple(int(side) for side in shape)
    if not (sizes and 0 < min(sizes) <= max(sizes) <= _MAX_SIDE):
        raise ValueError(f"a shape of {sizes}")
    return sizes
