"""--up and --scale: how meshes of the user's own lie, where the guess is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from robonav.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class MeshOptions:
    """Options that every command has that opens scenes."""

    up: Literal["y", "z"] | None = None
    """Axis that is up in a mesh of your own; default: guessed from its surfaces."""
    scale: float | None = None
    """Metres in a unit of a mesh of your own, such as 0.01 for cm; default: guessed from its height."""

    def spec(self, scenes: str) -> str:
        """Return the scenes, with up axis and scale, as `open_scenes` takes them.

        Raises:
            UsageError: The scale is no scale.
        """
        from robonav.envs.scenes.spec import Spec

        if self.scale is not None and not 0 < self.scale < math.inf:
            raise UsageError(f"scale is {self.scale}: give metres in a unit of the mesh, such as 0.01")
        said = Spec.parse(scenes)
        return str(Spec(said.path, self.up or said.up, self.scale if self.scale is not None else said.scale))
