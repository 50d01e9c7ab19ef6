"""Pictures of the report, inlined: curves over steps as SVG, top-down maps as PNG."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from robonav.envs.navigation.tasks import Score
from robonav.evaluation.path_graph import path_graph
from robonav.evaluation.statistics import bootstrap_mean
from robonav.evaluation.top_down_map import (
    CELL_M,
    FLOOR_SEEN,
    FLOOR_UNSEEN,
    OUTSIDE,
    WALL_SEEN,
    WALL_UNSEEN,
    TopDownMap,
)
from robonav.maps.topology.graph import PlaceGraph

COLOURS = {
    OUTSIDE: (255, 255, 255),
    FLOOR_UNSEEN: (176, 184, 196),
    FLOOR_SEEN: (233, 241, 223),
    WALL_UNSEEN: (120, 128, 140),
    WALL_SEEN: (38, 43, 51),
}
GRAPH, FRONTIER = (112, 72, 160), (230, 145, 20)
ToPixels = Callable[[NDArray[np.floating]], NDArray[np.float64]]
PATH_START, PATH_END = np.array([66, 133, 244]), np.array([217, 48, 37])
MARK = (214, 39, 140)


def curve_svg(steps: Sequence[int], series: Mapping[str, NDArray[np.floating]], score: Score) -> str:
    """Mean (line) and 95 % interval (band) over episodes.

    Args:
        steps: (K,) steps.
        series: (N, K) values, one row an episode, by the name of who explored.
        score: The score on the vertical axis.
    """
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for name, values in series.items():
        estimates = [bootstrap_mean(column) for column in values.T]
        lows, highs = [e.low for e in estimates], [e.high for e in estimates]
        axes.fill_between(steps, lows, highs, alpha=0.2, linewidth=0)
        axes.plot(steps, [e.mean for e in estimates], label=name)
    if len(series) > 1:
        axes.legend(loc="upper left", fontsize="small")
    top = 100 if score.unit == "%" else None
    axes.set(xlabel="steps", ylabel=score.title, ylim=(0, top), xlim=(0, steps[-1] or 1))
    axes.grid(alpha=0.3)
    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def map_png(picture: TopDownMap, marks: Sequence[tuple[float, float]] = (), pixels_per_cell: int = 3) -> str:
    """The map, north up, as a data URI.

    The trajectory goes from blue to red with a ring at its start; over it lies its topological map: places,
    edges, and remaining frontiers.

    Args:
        picture: The map.
        marks: Positions x, y in metres to mark with a dot.
        pixels_per_cell: Scale.
    """
    palette = np.array([COLOURS[state] for state in range(len(COLOURS))], dtype=np.uint8)
    used = np.argwhere(picture.cells != OUTSIDE)
    low, high = np.maximum(used.min(axis=0) - 2, 0), used.max(axis=0) + 3
    window = picture.cells[low[0] : high[0], low[1] : high[1]]
    image = Image.fromarray(palette[window].swapaxes(0, 1)[::-1])
    scale = pixels_per_cell
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)

    def pixels(xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Pixels (K, 2) of positions (K, 2)."""
        cells = (xy - picture.origin_xy) / CELL_M - low
        return np.stack([cells[:, 0], window.shape[1] - cells[:, 1]], axis=1) * scale

    points, draw, graph = pixels(picture.trajectory[:, :2]), ImageDraw.Draw(image), path_graph(picture)
    _draw_edges(draw, graph, pixels)
    for x, y in pixels(np.reshape(marks, (-1, 2))).tolist():
        draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=MARK)
    for k, (a, b) in enumerate(pairwise(points)):
        mix = k / max(len(points) - 2, 1)
        colour = tuple(int(c) for c in (1 - mix) * PATH_START + mix * PATH_END)
        draw.line([*map(float, a), *map(float, b)], fill=colour, width=2)
    x, y = map(float, points[0])
    draw.ellipse([x - 5, y - 5, x + 5, y + 5], outline=(20, 110, 50), width=3)
    _draw_nodes(draw, graph, pixels)
    return _data_uri(image)


def _draw_edges(draw: ImageDraw.ImageDraw, graph: PlaceGraph, pixels: ToPixels) -> None:
    for edge in graph.edges:
        ends = pixels(graph.places.xy[[graph.places.row(place) for place in edge]])
        draw.line([float(value) for value in ends.ravel()], fill=GRAPH, width=1)


def _draw_nodes(draw: ImageDraw.ImageDraw, graph: PlaceGraph, pixels: ToPixels) -> None:
    for x, y in pixels(graph.places.xy).tolist():
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=(255, 255, 255), outline=GRAPH)
    frontiers = np.array([node.xy for node in graph.frontiers.values()]).reshape(-1, 2)
    for x, y in pixels(frontiers).tolist():
        draw.polygon([(x, y - 4), (x + 4, y), (x, y + 4), (x - 4, y)], fill=FRONTIER)


def _data_uri(image: Image.Image) -> str:
    data = io.BytesIO()
    image.quantize(128).save(data, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()
