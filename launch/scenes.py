"""`robonav scenes`: what worlds a path holds, and fixed lists of episodes in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from robonav.launch.scenes_episodes import EpisodesCommand
from robonav.launch.scenes_info import InfoCommand
from robonav.launch.scenes_list import ListCommand

Subcommand = (
    Annotated[ListCommand, tyro.conf.subcommand("list", prefix_name=False)]
    | Annotated[InfoCommand, tyro.conf.subcommand("info", prefix_name=False)]
    | Annotated[EpisodesCommand, tyro.conf.subcommand("episodes", prefix_name=False)]
)


@dataclass(frozen=True)
class ScenesCommand:
    """Look at the worlds that a path holds, or fix the episodes of a benchmark in them.

    Examples:
        robonav scenes list hm3d
        robonav scenes info my_house.glb
        robonav scenes episodes procedural --episodes 100 --seed 0 --out benchmark.jsonl
    """

    subcommand: Annotated[Subcommand, tyro.conf.arg(name="")]

    def run(self) -> int | None:
        """Do what the subcommand does."""
        return self.subcommand.run()
