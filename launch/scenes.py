"""`robonav scenes`: what worlds a path holds, what is wrong with them, and fixed lists of episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from robonav.launch.scenes_check import CheckCommand
from robonav.launch.scenes_episodes import EpisodesCommand
from robonav.launch.scenes_expected import ExpectedCommand
from robonav.launch.scenes_info import InfoCommand
from robonav.launch.scenes_list import ListCommand
from robonav.launch.scenes_preview import PreviewCommand

Subcommand = (
    Annotated[ListCommand, tyro.conf.subcommand("list", prefix_name=False)]
    | Annotated[CheckCommand, tyro.conf.subcommand("check", prefix_name=False)]
    | Annotated[PreviewCommand, tyro.conf.subcommand("preview", prefix_name=False)]
    | Annotated[ExpectedCommand, tyro.conf.subcommand("expected", prefix_name=False)]
    | Annotated[InfoCommand, tyro.conf.subcommand("info", prefix_name=False)]
    | Annotated[EpisodesCommand, tyro.conf.subcommand("episodes", prefix_name=False)]
)


@dataclass(frozen=True)
class ScenesCommand:
    """Look at the worlds that a path holds, or fix the episodes of a benchmark in them.

    Examples:
        robonav scenes list hm3d
        robonav scenes check my_house.glb
        robonav scenes preview my_house.glb
        robonav scenes expected hm3d
        robonav scenes info my_house.glb
        robonav scenes episodes procedural --episodes 100 --seed 0 --out benchmark.jsonl
    """

    subcommand: Annotated[Subcommand, tyro.conf.arg(name="")]

    def run(self) -> int | None:
        """Do what the subcommand does."""
        return self.subcommand.run()
