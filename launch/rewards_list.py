"""`robonav rewards list`: the intrinsic rewards by name."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from robonav.rewards.config import RewardConfig


@dataclass(frozen=True)
class ListRewardsCommand:
    """Print the intrinsic rewards: name, how long they remember, and the paper and equation they follow.

    "episode" means that a reward forgets at the end of an episode, "training" that what was seen once stays
    known. Rewards of installed packages are among them.

    Examples:
        robonav rewards list
        robonav rewards list --json
    """

    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print JSON for programs, with all options and their defaults."""

    def run(self) -> None:
        """Print a line a reward."""
        from robonav.rewards.registry import rewards

        entries = [_entry(kind) for _, kind in sorted(rewards().items())]
        if self.json:
            print(json.dumps(entries, indent=2))
            return
        width = max(len(entry["name"]) for entry in entries)
        print(f"{'reward':{width}}  {'remembers':9}  source")
        for entry in entries:
            print(f"{entry['name']:{width}}  {entry['remembers']:9}  {entry['source']}")


def _entry(kind: type[RewardConfig]) -> dict[str, Any]:
    return {
        "name": kind.name,
        "remembers": "episode" if kind.episodic else "training",
        "source": kind.source,
        "options": {field.name: _default(field.default) for field in fields(kind)},
    }


def _default(value: Any) -> Any:
    """A default as JSON has it; of what is made anew for each, its absence."""
    return None if value is MISSING else value if isinstance(value, bool | int | float | str) else repr(value)
