"""Checks for numbers that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_not_finite(values: NDArray[Any]) -> tuple[int, float] | None:
    """The first environment of values (N, ...) that holds NaN or infinity, and which; None = all finite."""
    if not np.issubdtype(values.dtype, np.floating) or np.isfinite(values).all():
        return None
    wrong = ~np.isfinite(values.reshape(len(values), -1))
    env = int(np.flatnonzero(wrong.any(axis=1))[0])
    return env, float(values.reshape(len(values), -1)[env][wrong[env]][0])
