"""`robonav demo`: train briefly, evaluate on unseen houses beside the baselines, show the table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robonav.launch.evaluate import EvaluateCommand
from robonav.launch.train import TrainCommand

if TYPE_CHECKING:
    from robonav.evaluation.comparison import Row

BASELINES = ("random", "straight", "rgb-planner", "frontier")


@dataclass(frozen=True)
class DemoCommand:
    """Train a small agent briefly and see how it explores houses it never saw, beside the baselines.

    The agent sees RGB and its own last action; `frontier` is a planner that is given true pose and depth.
    A demo that was stopped goes on where it was. The published results take longer: `robonav train guided`.

    Examples:
        robonav demo
        robonav demo --steps 500000 --out runs/longer_demo
    """

    steps: int = 98_304
    """Environment steps to train for."""
    episodes: int = 12
    """Unseen houses to evaluate in, one episode each."""
    episode_steps: int = 256
    """Steps of an evaluated episode."""
    seed: int = 0
    """Decides weights, worlds, starts and actions."""
    out: Path = Path("runs/demo")
    """Folder for the training run, the evaluations and the comparison."""

    def run(self) -> None:
        """Train, evaluate, print the comparison and where the report is."""
        started = time.monotonic()
        agent = self.out / "training"
        resume = (agent / "config.json").exists()
        print(f"training for {self.steps:,} steps", flush=True)
        options = ["--steps", str(self.steps), "--seed", str(self.seed), "--out", str(agent)]
        TrainCommand.parse(["guided", *options, *(["--resume"] if resume else [])]).run()
        folders = {f"agent after {_steps_trained(agent):,} steps": self._evaluate(str(agent), "agent")}
        folders |= {name: self._evaluate(name, name) for name in BASELINES}
        report = self._report(folders)
        print(f"\nthe demo took {(time.monotonic() - started) / 60:.1f} minutes\nreport: {report}")

    def _evaluate(self, explorer: str, name: str) -> Path:
        folder = self.out / name
        print(f"\nevaluating {name}", flush=True)
        EvaluateCommand(
            explorer,
            episodes=self.episodes,
            steps=self.episode_steps,
            seed=self.seed,
            out=folder,
            resume=True,
        ).run()
        return folder

    def _report(self, folders: dict[str, Path]) -> Path:
        from robonav.evaluation.comparison import compare, comparison_as_html, comparison_as_json

        rows = compare(folders)
        page = self.out / "report.html"
        notes = (
            f"{self.episodes} procedural houses of the split `val`, none of them trained on; "
            f"{self.episode_steps} steps each.",
            "The agent sees RGB only. The frontier planner is the reference: it has true pose and depth.",
        )
        page.write_text(comparison_as_html(rows, "A brief training, on unseen houses", notes, page))
        (self.out / "comparison.json").write_text(comparison_as_json(rows))
        _print_table(rows)
        return page


def _steps_trained(run: Path) -> int:
    """Steps behind the newest checkpoint: it ends with a whole rollout, maybe beyond what was asked for."""
    from robonav.files import find_checkpoint

    return int(find_checkpoint(run).name.removeprefix("step_"))


def _print_table(rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    steps = list(rows[0].by_step)
    table = Table("explorer", title="visible completeness on unseen houses, % [95 % interval]")
    for column in (*(f"@{step}" for step in steps), "agent is ahead by", "blocked moves"):
        table.add_column(column, justify="right")
    for row in rows:
        values = [f"{v.mean:.1f} [{v.low:.1f}, {v.high:.1f}]" for v in row.by_step.values()]
        ahead = f"{row.ahead[steps[-1]].mean:+.1f}" if row.ahead else ""
        table.add_row(
            row.name, *values, ahead, f"{row.collisions:.1f}", style="bold" if not row.ahead else ""
        )
    Console().print(table, markup=False)
