"""`robonav scenes`: what worlds a path holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from robonav.launch.scenes_info import InfoCommand


@dataclass(frozen=True)
class ScenesCommand:
    """Look at the worlds that a path holds.

    Examples:
        robonav scenes info my_house.glb
    """

    # tyro makes subcommands of a union only: with a second one, this becomes the union of both
    subcommand: tyro.conf.Positional[Literal["info"]]
    """What to do."""
    info: Annotated[InfoCommand, tyro.conf.arg(name="")]

    def run(self) -> int | None:
        """Do what the subcommand does."""
        return self.info.run()
