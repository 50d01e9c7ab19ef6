"""Shows on a terminal how far a drive has come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress

from robonav.driving.driver import Decision, DriveObserver, RobotState


class DriveProgress(DriveObserver):
    """Moves a progress bar, one unit a decision."""

    def __init__(self, bar: progress.Progress, task: progress.TaskID) -> None:
        self._bar, self._task = bar, task

    def tick(self, state: RobotState) -> None:
        """Show the robot's own clock."""
        self._bar.update(self._task, clock=f"{state.stamp_s:.0f}")

    def decided(self, decision: Decision) -> None:
        """One more is done."""
        self._bar.advance(self._task)


@contextmanager
def progress_shown(name: str, steps: int) -> Iterator[DriveProgress]:
    """A observer that moves a bar while the block runs."""
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[clock]} s driven"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns) as bar:
        yield DriveProgress(bar, bar.add_task(name, total=steps, clock="0"))
