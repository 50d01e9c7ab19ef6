"""`robonav rewards`: which rewards there are, and proof that they are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from robonav.launch.rewards_check import CheckRewardCommand
from robonav.launch.rewards_list import ListRewardsCommand

Subcommand = (
    Annotated[ListRewardsCommand, tyro.conf.subcommand("list", prefix_name=False)]
    | Annotated[CheckRewardCommand, tyro.conf.subcommand("check", prefix_name=False)]
)


@dataclass(frozen=True)
class RewardsCommand:
    """List the intrinsic rewards, or prove that one is right.

    Examples:
        robonav rewards list
        robonav rewards check rnd --quick
        robonav rewards check all --json rewards.json
    """

    subcommand: Annotated[Subcommand, tyro.conf.arg(name="")]

    def run(self) -> int | None:
        """Do what the subcommand does."""
        return self.subcommand.run()
