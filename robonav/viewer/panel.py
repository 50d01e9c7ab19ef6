"""Numbers, image and curves of an episode beside the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robonav.viewer.episode_map import EpisodeMap
from robonav.watching import Curve

if TYPE_CHECKING:
    import viser

MOST_POINTS = 512  # of a curve that is sent; a longer one is thinned out
_IMAGE_PIXELS = 256


class Panel:
    """The agent's image, reward and completeness.

    Args:
        server: Server that shows it.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        self._facts = server.gui.add_markdown("")
        self._image = server.gui.add_image(
            np.zeros((_IMAGE_PIXELS, _IMAGE_PIXELS, 3), np.uint8), label="Camera"
        )
        self._reward = _plot(server, "Reward: surface that the map does not know", "reward", 1.0)
        self._completeness = _plot(server, "Visible completeness, %", "%", 100.0)

    def say(self, text: str) -> None:
        """Show a line instead of the facts."""
        self._facts.content = text

    def draw(self, title: str, episode: EpisodeMap, curve: Curve) -> None:
        """Show the newest frame, and the curves up to it."""
        image = Image.fromarray(episode.frames.rgb[0])
        scale = _IMAGE_PIXELS / image.width
        self._image.image = np.asarray(image.resize((_IMAGE_PIXELS, round(image.height * scale))))
        self._reward.data = _thinned(np.arange(len(episode.rewards)), np.array(episode.rewards))
        known = [k for k, step in enumerate(curve.step) if step <= episode.step]
        steps = np.array([curve.step[k] for k in known], float)
        percent = np.array([curve.visible_completeness_pct[k] for k in known])
        self._completeness.data = _thinned(steps, percent)
        x, y, yaw = episode.poses[-1]
        seen = f"{percent[-1]:.1f} % of the visible surface seen, " if len(percent) else ""
        self._facts.content = (
            f"**{title}**\n\nstep {episode.step}: {seen}reward {sum(episode.rewards):.1f} in all, at "
            f"x {x:.2f} m, y {y:.2f} m, heading {np.degrees(yaw) % 360:.0f}°"
        )


def _plot(server: viser.ViserServer, title: str, series: str, top: float) -> viser.GuiUplotHandle:
    return server.gui.add_uplot(
        (np.zeros(1), np.zeros(1)),
        ({"label": "step"}, {"label": series, "stroke": "#d93025", "width": 2}),
        title=title,
        scales={"x": {"time": False}, "y": {"range": (0.0, top)}},
        aspect=2.0,
    )


def _thinned(x: NDArray[np.number], y: NDArray[np.floating]) -> tuple[NDArray[np.float64], ...]:
    """At most 512 of the points, the last one among them."""
    chosen = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(int)) if len(x) else slice(0)
    return np.asarray(x, float)[chosen], np.asarray(y, float)[chosen]
