"""Goal images, for policies that were trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from robonav.agent import Explorer
from robonav.errors import UsageError

Goal = Mapping[str, NDArray[np.uint8]]  # `goal` (1, H, W, 3), or nothing
NO_GOAL: Goal = MappingProxyType({})


def read_goal(name: str, explorer: Explorer, path: Path | None) -> Goal:
    """The goal image of an agent: the middle of a picture, in the shape of the agent's camera images.

    Args:
        name: Name of the agent, for messages.
        explorer: The agent.
        path: The picture, as wide an angle as that of the explorer's camera; None = there is none.

    Raises:
        UsageError: The explorer wants one and there is none, or the other way round; or it is no picture.
    """
    wanted = getattr(explorer, "goal", None) == "goal"
    if wanted and path is None:
        raise UsageError(f"{name} was trained to go to goal images: give one with --goal-image PNG")
    if path is None:
        return NO_GOAL
    if not wanted:
        raise UsageError(
            f"{name} looks at no goal image: leave --goal-image out, or give a policy that was trained with "
            "`robonav train guided-image-goal`"
        )
    size = (explorer.camera.width, explorer.camera.height)
    try:
        with Image.open(path) as picture:
            fitted = ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.BOX)
    except (UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UsageError(f"{path} is no picture that can be read: give a PNG or JPEG") from error
    return {"goal": np.asarray(fitted)[None]}
