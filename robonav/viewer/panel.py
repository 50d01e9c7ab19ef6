"""Numbers, image and curves of an episode beside the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from robonav.envs.navigation.tasks import Score
from robonav.viewer.episode_map import EpisodeMap
from robonav.watching import Curve

if TYPE_CHECKING:
    import viser

MOST_POINTS = 512  # of a curve that is sent; a longer one is thinned out
_IMAGE_PIXELS = 256


class Panel:
    """The agent's image, reward and main score.

    Args:
        server: Server that shows it.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        self._facts = server.gui.add_markdown("")
        self._image = server.gui.add_image(
            np.zeros((_IMAGE_PIXELS, _IMAGE_PIXELS, 3), np.uint8), label="Camera"
        )
        self._reward = _plot(server, _look("Reward: surface that the map does not know", "reward", 1.0))
        self._shown = Curve().score
        self._score = _plot(server, _look_of(self._shown))

    def say(self, text: str) -> None:
        """Show a line instead of the facts."""
        self._facts.content = text

    def draw(self, title: str, episode: EpisodeMap, curve: Curve) -> None:
        """Show the newest frame, and the curves up to it."""
        image = Image.fromarray(episode.frames.rgb[0])
        scale = _IMAGE_PIXELS / image.width
        self._image.image = np.asarray(image.resize((_IMAGE_PIXELS, round(image.height * scale))))
        self._reward.data = _thinned(np.arange(len(episode.rewards)), np.array(episode.rewards))
        known = curve.until(episode.step)
        self._draw_score(known)
        x, y, yaw = episode.poses[-1]
        seen = f"{known.caption()}, " if known.step else ""
        self._facts.content = (
            f"**{title}**\n\nstep {episode.step}: {seen}reward {sum(episode.rewards):.1f} in all, at "
            f"x {x:.2f} m, y {y:.2f} m, heading {np.degrees(yaw) % 360:.0f}°"
        )

    def _draw_score(self, curve: Curve) -> None:
        """Draw what the episode is measured by, which may be another score than that of the last one."""
        if curve.score != self._shown:
            self._shown = curve.score
            for name, value in _look_of(curve.score).items():
                setattr(self._score, name, value)
        self._score.visible = bool(curve.step)
        self._score.data = _thinned(np.array(curve.step), np.array(curve.value, float))


def _plot(server: viser.ViserServer, look: dict[str, Any]) -> viser.GuiUplotHandle:
    return server.gui.add_uplot((np.zeros(1), np.zeros(1)), aspect=2.0, **look)


def _look_of(score: Score) -> dict[str, Any]:
    return _look(score.title, score.unit or score.label, 100.0 if score.unit == "%" else None)


def _look(title: str, series: str, top: float | None) -> dict[str, Any]:
    """Title, line and axes of a plot; a vertical axis without a top follows the values."""
    return {
        "title": title,
        "series": ({"label": "step"}, {"label": series, "stroke": "#d93025", "width": 2}),
        "scales": {"x": {"time": False}, "y": {} if top is None else {"range": (0.0, top)}},
    }


def _thinned(x: NDArray[np.number], y: NDArray[np.floating]) -> tuple[NDArray[np.float64], ...]:
    """At most 512 of the points, the last one among them."""
    chosen = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).astype(int)) if len(x) else slice(0)
    return np.asarray(x, float)[chosen], np.asarray(y, float)[chosen]
