"""Registry that chooses the encoder of each observation key."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from robonav.errors import UsageError
from robonav.policies.encoders.base import KeyEncoder
from robonav.policies.encoders.camera import CameraEncoder
from robonav.policies.encoders.discrete import (
    DiscreteEncoder,
    MultiDiscreteEncoder,
    PreviousControlEncoder,
    TokensEncoder,
)
from robonav.policies.encoders.goal import PointGoal
from robonav.policies.encoders.vector import ScanEncoder, VectorEncoder

ENCODERS: list[type[KeyEncoder]] = [
    PointGoal,
    TokensEncoder,
    PreviousControlEncoder,
    ScanEncoder,
    DiscreteEncoder,
    MultiDiscreteEncoder,
    VectorEncoder,
    CameraEncoder,
]
"""In the order in which they are asked; put one of your own in front by `ENCODERS.insert(0, MyEncoder)`."""


def encoder_for(name: str, space: spaces.Space[Any], width: int) -> KeyEncoder:
    """A new encoder for a key of an observation.

    Raises:
        UsageError: None of them can read it.
    """
    for encoder in ENCODERS:
        if encoder.reads(name, space):
            return encoder(space, width)
    raise UsageError(
        f"observation {name!r} is {space}, expected an image of bytes, floats in one dimension, Discrete, "
        "MultiDiscrete or whole numbers named tokens: change it in the env, or add an encoder to "
        "robonav.policies.encoders.registry.ENCODERS"
    )
