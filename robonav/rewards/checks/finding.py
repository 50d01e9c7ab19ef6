"""Finding of a check on a reward, and the effort of the check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RewardFinding:
    """The outcome of one check of one reward.

    Attributes:
        check: Its name.
        says: One line for the table.
        passed: Whether the reward meets the bar; None = there is none for it, or it cannot be measured.
        measured: The numbers by name.
    """

    check: str
    says: str
    passed: bool | None = None
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """One word for tables."""
        return {True: "pass", False: "FAIL", None: "-"}[self.passed]


@dataclass(frozen=True)
class Effort:
    """Length of the checks.

    Attributes:
        visits: Of the state that is visited most, in the tabular world.
        watched_steps: Of each agent in front of a television.
        timed_steps: Of eight agents, for the cost.
        enough: Whether that is enough for the bars of calibration and noise.
    """

    visits: int
    watched_steps: int
    timed_steps: int
    enough: bool


FULL = Effort(visits=4096, watched_steps=10_000, timed_steps=512, enough=True)
QUICK = Effort(visits=64, watched_steps=500, timed_steps=64, enough=False)
