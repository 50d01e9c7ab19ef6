"""Viewers of a run: the protocol that episode loops call, and a viewer that shows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from robonav.envs.navigation.tasks.task import VISIBLE_COMPLETENESS, Score

if TYPE_CHECKING:
    from robonav.envs.sensors.camera import Camera
    from robonav.envs.world import Frames


@dataclass(frozen=True)
class Curve:
    """A score over steps, every 32 steps from the start frame on; empty where it is not measured.

    Attributes:
        score: The score.
        step: (K,) steps.
        value: (K,) its values.
    """

    score: Score = VISIBLE_COMPLETENESS
    step: Sequence[int] = ()
    value: Sequence[float] = ()

    @classmethod
    def of(cls, score: Score, series: Mapping[str, Sequence[Any]]) -> Curve:
        """The curve of a score in the `curve` of a record, which holds values by score beside their steps."""
        return cls(score, series["step"], series[score.name]) if score.name in series else cls(score)

    def until(self, step: int) -> Curve:
        """The part up to a step."""
        known = sum(at <= step for at in self.step)
        return Curve(self.score, self.step[:known], self.value[:known])

    def caption(self) -> str:
        """The newest value with its label and unit; nothing where there is none."""
        if not self.value:
            return ""
        return f"{self.score.label} {self.score.figure(self.value[-1])} {self.score.unit}".rstrip()


class Viewer(Protocol):
    """Shows the first agent of a live run; a viewer never changes the run."""

    def begin(self, title: str, camera: Camera | None, frames: Frames) -> None:
        """Start showing an episode; returns when the run may go on.

        Args:
            title: Title of the episode.
            camera: Camera of its frames; None where they have no images.
            frames: First frames of all agents.

        Raises:
            UsageError: The frames have no images, which is what it shows.
        """

    def show(self, frames: Frames, curve: Callable[[], Curve]) -> None:
        """Show the next step; returns when the run may go on.

        Args:
            frames: Next frames of all agents.
            curve: Gives the main score so far.
        """


class NullViewer:
    """A viewer that shows nothing."""

    def begin(self, title: str, camera: Camera | None, frames: Frames) -> None:
        """Do nothing."""

    def show(self, frames: Frames, curve: Callable[[], Curve]) -> None:
        """Do nothing."""
