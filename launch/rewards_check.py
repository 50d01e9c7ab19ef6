"""`robonav rewards check`: proof that a reward is right, with bars that it has to meet."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from robonav.rewards.checks.finding import RewardFinding


@dataclass(frozen=True)
class CheckRewardCommand:
    """Prove that an intrinsic reward is right: yours, or all that there are.

    gradient           the bonus changes the advantages and the policy's gradient; with weight 0 it does not
    purity             paying twice for the same step pays the same and changes nothing
    resume             a saved and loaded reward pays the same from then on, bit for bit
    final observation  the last step of an episode is paid for what it led to, not for the next start
    resets             an episode that ends is forgotten, and nobody else's
    calibration        slope and R² of log bonus against log visit count in a tabular world
    noise              share of the bonus that somebody earns who stares at noise, beside an explorer
    cost               milliseconds that a step of 8 environments costs: compute + update

    Exit code 0 if no bar is missed, else 1. A check that has no bar for a reward, or shows it nothing that it
    can read, is marked "-". All rewards take half an hour on one core, with --quick some minutes; --quick is
    too short for the bars of calibration and noise, which then count for nothing.

    Examples:
        robonav rewards check rdd
        robonav rewards check rnd --quick
        robonav rewards check all --json rewards.json
    """

    name: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="NAME|all")]
    """A reward of `robonav rewards list`, or `all`."""
    quick: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Fewer steps."""
    json: Path | None = None
    """Also write the numbers to this file; with a NAME, those of the others stay in it."""
    markdown: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the table as Markdown."""

    def run(self) -> int:
        """Print the table; 1 if a bar is missed."""
        from tqdm import tqdm

        from robonav.rewards.checks.battery import CHECKS, check
        from robonav.rewards.checks.finding import FULL, QUICK
        from robonav.rewards.checks.report import as_json, as_markdown
        from robonav.rewards.registry import make_reward, rewards

        effort = QUICK if self.quick else FULL
        names = sorted(rewards()) if self.name == "all" else [make_reward(self.name).name]
        found: dict[str, list[RewardFinding]] = {}
        known = self._known() if self.name != "all" else {}
        with tqdm(total=len(names) * len(CHECKS), unit="check") as bar:
            for name in names:
                found[name] = []
                for finding in check(make_reward(name), effort):
                    found[name].append(finding)
                    bar.set_postfix_str(f"{name}: {finding.check}")
                    bar.update()
                if self.json:
                    self.json.write_text(json.dumps(as_json({**known, **found}, effort), indent=1) + "\n")
        print(as_markdown(found)) if self.markdown else _print_table(found)
        return int(any(finding.passed is False for findings in found.values() for finding in findings))

    def _known(self) -> dict[str, list[RewardFinding]]:
        """Findings that the JSON file holds already, by reward."""
        from robonav.rewards.checks.report import from_json

        return from_json(json.loads(self.json.read_text())) if self.json and self.json.exists() else {}


def _print_table(found: dict[str, list[RewardFinding]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("reward", "check", "", "found")
    for name, findings in found.items():
        for finding in findings:
            color = {True: "green", False: "red", None: "dim"}[finding.passed]
            table.add_row(name, finding.check, f"[{color}]{finding.mark}[/]", escape(finding.says))
        table.add_section()
    Console().print(table)
