"""Viewers of a run: the protocol that episode loops call, and a viewer that shows nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from robonav.envs.sensors.camera import Camera
    from robonav.envs.world import Frames


@dataclass
class Curve:
    """Completeness over steps, every 32 steps from the start frame on."""

    step: list[int] = field(default_factory=list)
    completeness_pct: list[float] = field(default_factory=list)
    visible_completeness_pct: list[float] = field(default_factory=list)


class Viewer(Protocol):
    """Shows the first agent of a live run; a viewer never changes the run."""

    def begin(self, title: str, camera: Camera, frames: Frames) -> None:
        """Start showing an episode; returns when the run may go on.

        Args:
            title: Title of the episode.
            camera: Camera of its frames.
            frames: First frames of all agents.
        """

    def show(self, frames: Frames, curve: Curve) -> None:
        """Show the next step; returns when the run may go on.

        Args:
            frames: Next frames of all agents.
            curve: Completeness so far; empty where it is not measured.
        """


class NullViewer:
    """A viewer that shows nothing."""

    def begin(self, title: str, camera: Camera, frames: Frames) -> None:
        """Do nothing."""

    def show(self, frames: Frames, curve: Curve) -> None:
        """Do nothing."""
