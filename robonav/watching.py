"""Who watches a run: the protocol that loops talk to, and the one who sees nothing."""

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
    """Shows the first agent of a run while it goes on; nothing that it does changes the run."""

    def begin(self, title: str, camera: Camera, frames: Frames) -> None:
        """An episode begins; returns when the run may go on.

        Args:
            title: What it is called.
            camera: What takes its frames.
            frames: The first ones of all agents.
        """

    def show(self, frames: Frames, curve: Curve) -> None:
        """An agent has moved; returns when the run may go on.

        Args:
            frames: The next ones of all agents.
            curve: Completeness so far; empty where nobody measures it.
        """


class NullViewer:
    """Nobody watches."""

    def begin(self, title: str, camera: Camera, frames: Frames) -> None:
        """Do nothing."""

    def show(self, frames: Frames, curve: Curve) -> None:
        """Do nothing."""
