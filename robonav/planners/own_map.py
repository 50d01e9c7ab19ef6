"""The policy's own occupancy map: predictions from RGB, entered by dead reckoning.

It holds only what a robot with a camera, wheel encoders and a bumper has: predictions of the frozen
network from RGB, and the executed actions. The simulator's depth and pose never enter. Its
rays are taken to span 90 degrees, as those of the predictor that ships do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from robonav.perception.motions import Motions, StepMotions
from robonav.perception.predictor import DEPTH_STEP_M, DEPTHS, RAYS
from robonav.planners.own_map_kernels import Grid, add_kernel, summarise_kernel, window_kernel
from robonav.warp_launch import launch

TURNS = 24  # headings in a full turn that planners tell apart
_OCCUPIED_WEIGHT = 5.0  # of a look that shows a thing beside one that passes it: thin things show seldom
_BUMPER_M = 0.35  # how far ahead the thing lies that stopped a move
_BUMPER_WEIGHT = 100.0  # touch outweighs many looks, of which each may be six rays through a near cell
_TRACK_WEIGHT = 1.0  # of standing somewhere as a sign that it is free
_UNKNOWN = (128, 0)  # neither free nor occupied, and not seen


@dataclass(frozen=True)
class OwnMapConfig:
    """Size of the policy's own map; `cells * cell_m` is the period with which it repeats."""

    cell_m: float = 0.125
    """Edge of a cell in metres."""
    cells: int = 256
    """Cells along an edge of the map, a power of two. Places further apart than the map share a cell."""
    reach_m: float = DEPTHS * DEPTH_STEP_M
    """Depth in metres up to which the predictor is trusted, at most 5."""
    side: int = 23
    """Cells along an edge of the windows that the policy sees; odd, so that the agent is in the middle."""
    scales: tuple[int, ...] = (2, 4, 8)
    """Size of a window's cell, in cells of the map."""

    def __post_init__(self) -> None:
        """Check the sizes."""
        if not 0 < self.cells <= 2048 or self.cells & (self.cells - 1):
            raise ValueError(f"cells is {self.cells}: give a power of two up to 2048, such as 128")
        if not (0.01 <= self.cell_m <= 10.0 and DEPTH_STEP_M <= self.reach_m <= DEPTHS * DEPTH_STEP_M):
            raise ValueError(
                f"cell_m is {self.cell_m} and reach_m {self.reach_m}: give 0.01 to 10 m and "
                f"{DEPTH_STEP_M} to {DEPTHS * DEPTH_STEP_M:g} m"
            )


@dataclass
class Places:
    """Own maps and poses of N agents; inference state, never in a rollout buffer.

    Attributes:
        evidence: (N * rows, 3) float32 that a cell is free, is occupied, was seen.
        summary: (N * rows, 2) uint8 of it: 0 free ... 255 occupied, 0 unseen ... 255 seen.
        position: (N, 2) metres from the start, x along the first heading, y to the left.
        heading: (N,) int64, to the left, in shares of a full turn: 1/24, or what `OwnMap` tells apart.
        rest: (N,) radians by which the agent is turned farther to the left than its heading says.
    """

    evidence: Tensor
    summary: Tensor
    position: Tensor
    heading: Tensor
    rest: Tensor

    def copy(self) -> Places:
        """An independent copy."""
        return replace(
            self,
            evidence=self.evidence.clone(),
            summary=self.summary.clone(),
            position=self.position.clone(),
            heading=self.heading.clone(),
            rest=self.rest.clone(),
        )


class OwnMap(nn.Module):
    """Integrates scans, and returns windows of the map around the agent, forward up.

    Args:
        config: Its size.
        motions: What the agent's own actions tell of its motion.
    """

    axes: Tensor
    points: Tensor
    window: Tensor
    log2_samples: Tensor
    here: Tensor
    ahead: Tensor

    def __init__(self, config: OwnMapConfig, motions: Motions | None = None) -> None:
        super().__init__()
        self.config, self.motions = config, motions or StepMotions()
        self._heading_rad = 2 * torch.pi / self.motions.headings
        self._rows = 2 * config.cells**2
        self._depths = round(config.reach_m / DEPTH_STEP_M)
        self.grid = _grid(config)
        headings = torch.arange(self.motions.headings) * self._heading_rad
        axes = torch.stack([headings.cos(), headings.sin()], dim=-1)
        here_and_ahead = torch.tensor([[0.0, 0.0], [_BUMPER_M, 0.0]])
        points = torch.cat([_ray_points(self._depths), here_and_ahead])
        window = _turned(torch.cat([_window(config, scale) for scale in config.scales]), axes)
        constants = {
            "axes": axes,
            "points": _turned(points, axes),
            "window": _packed(config, window + 0.5 * config.cell_m),
            "log2_samples": torch.tensor(
                [_log2_samples(scale) for scale in config.scales], dtype=torch.int32
            ),
            "here": torch.tensor([[_TRACK_WEIGHT, 0.0, 0.0]]),
            "ahead": torch.tensor([[0.0, _BUMPER_WEIGHT, 0.0]]),
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    @property
    def channels(self) -> int:
        """Channels of the windows: obstacle and seen at each scale."""
        return 2 * len(self.config.scales)

    @property
    def side(self) -> int:
        """Cells along an edge of a window."""
        return self.config.side

    def encoder(self, width: int) -> nn.Module:
        """A module that makes (..., width) of windows."""
        return WindowEncoder(self.channels, self.config.side, width)

    def new(self, count: int, device: torch.device) -> Places:
        """Empty maps of `count` agents."""
        cells = count * self._rows
        return Places(
            torch.zeros(cells, 3, device=device),
            torch.tensor(_UNKNOWN, dtype=torch.uint8, device=device).repeat(cells, 1),
            torch.zeros(count, 2, device=device),
            torch.zeros(count, dtype=torch.int64, device=device),
            torch.zeros(count, device=device),
        )

    def observe(self, places: Places, scan: Tensor, previous_action: Tensor, starts: Tensor) -> None:
        """Move by the executed action, and integrate the scan from the new pose.

        Args:
            places: The maps, changed in place.
            scan: (N, 32, 40, 3) free, occupied and seen along each ray, of `OccupancyPredictor.scan`.
            previous_action: (N, ...) what was carried out, as `motions` reads it.
            starts: (N,) bool, a new episode begins with this frame.
        """
        self.forget(places, starts)
        self._move(places, self.motions(previous_action), starts)
        blocked = (self.motions.as_steps(previous_action) == 0) & ~starts
        here = self.here.expand(len(scan), 1, 3)
        ahead = self.ahead * blocked[:, None, None]
        self._add(places, torch.cat([self._signs(scan).flatten(1, 2), here, ahead], dim=1))

    def _move(self, places: Places, motion: Tensor, starts: Tensor) -> None:
        """Go on by a motion (N, 3) in the frame of the pose before it."""
        cosine, sine = places.rest.cos(), places.rest.sin()
        ahead, left = (
            cosine * motion[:, 0] - sine * motion[:, 1],
            sine * motion[:, 0] + cosine * motion[:, 1],
        )
        axes = self.axes[places.heading]
        moved = places.position + ahead[:, None] * axes + left[:, None] * _leftward(axes)
        places.position = moved.masked_fill(starts[:, None], 0.0)
        turned = places.rest + motion[:, 2]
        whole = (turned / self._heading_rad).round()
        places.rest = (turned - whole * self._heading_rad).masked_fill(starts, 0.0)
        heading = (places.heading + whole.long()) % self.motions.headings
        places.heading = heading.masked_fill(starts, 0)

    def in_turns(self, places: Places) -> Places:
        """The same maps with headings in turns of 15°, the nearest ones, as planners want them."""
        finer = self.motions.headings // TURNS
        if finer == 1:
            return places
        turns = (places.heading + finer // 2) // finer  # 24 is 0 again
        rest = places.rest + (places.heading - turns * finer) * self._heading_rad
        return replace(places, heading=turns % TURNS, rest=rest)

    def windows(self, places: Places) -> Tensor:
        """Windows (N, channels, side, side) uint8 around each agent; the top row lies ahead."""
        side, scales, count = self.config.side, len(self.config.scales), len(places.position)
        windows = torch.empty(count, side**2, scales, 2, dtype=torch.uint8, device=places.position.device)
        tables = self.window, self.log2_samples, places.summary.view(count, self._rows, 2)
        launch(window_kernel, (count, side**2), self.grid, places.position, places.heading, *tables, windows)
        return windows.view(count, side, side, -1).movedim(-1, 1)

    def _signs(self, scan: Tensor) -> Tensor:
        """Evidence (N, 32, K, 3) along rays; squared, because unsure predictions spread over many steps."""
        signs = scan[:, :, : self._depths].square()
        return signs * signs.new_tensor([1.0, _OCCUPIED_WEIGHT, 1.0])

    def _add(self, places: Places, signs: Tensor) -> None:
        """Enter evidence (N, P, 3) at the P points."""
        count, number = signs.shape[:2]
        at = places.position, places.heading, self.points
        evidence = places.evidence.view(count, self._rows, 3)
        launch(add_kernel, (count, number), self.grid, *at, signs, evidence)
        summary = places.summary.view(count, self._rows, 2)
        launch(summarise_kernel, (count, number), self.grid, *at, evidence, summary)

    def forget(self, places: Places, agents: Tensor) -> None:
        """Empty the maps of some agents (N,) bool; their poses stay."""
        if agents.any():
            places.evidence.view(len(agents), -1, 3)[agents] = 0.0
            unknown = torch.tensor(_UNKNOWN, dtype=torch.uint8, device=agents.device)
            places.summary.view(len(agents), -1, 2)[agents] = unknown


class WindowEncoder(nn.Module):
    """Two small convolutions over the windows of the own map."""

    def __init__(self, channels: int, side: int, width: int) -> None:
        super().__init__()
        cells = (-(-side // 4)) ** 2
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Flatten(),
            nn.Linear(32 * cells, width),
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Views (..., width) of windows (..., C, S, S) uint8; cheapest where C is the last in memory."""
        flat = windows.flatten(0, -4).to(torch.float32, memory_format=torch.channels_last)
        view: Tensor = self.body(flat.div_(255.0).sub_(0.5))
        return view.unflatten(0, windows.shape[:-3])


class NoOwnMap(nn.Module):
    """Replaces `OwnMap` in a policy without a map (null object)."""

    channels = side = 0

    def new(self, count: int, device: torch.device) -> Places:
        """Nothing."""
        return Places(*(torch.zeros(0, device=device) for _ in range(5)))

    def observe(self, places: Places, scan: Tensor, previous_action: Tensor, starts: Tensor) -> None:
        """Ignore it."""

    def in_turns(self, places: Places) -> Places:
        """Nothing to turn."""
        return places

    def windows(self, places: Places) -> Tensor:
        """Windows without channels, for any number of agents."""
        return torch.zeros(1, 0, 0, 0, dtype=torch.uint8, device=places.evidence.device)

    def encoder(self, width: int) -> nn.Module:
        """Gives zero."""
        return _NoWindows()


class _NoWindows(nn.Module):
    def forward(self, windows: Tensor) -> float:
        return 0.0


def _grid(config: OwnMapConfig) -> Grid:
    grid = Grid()
    grid.cell_m, grid.cells = config.cell_m, config.cells
    grid.mask = (config.cells - 1) * (2 * config.cells + 1)
    return grid


def _packed(config: OwnMapConfig, points: Tensor) -> Tensor:
    """Cells (...) int32 of points (..., 2), packed as in `Grid`."""
    cell = (points / config.cell_m).floor().int() & (config.cells - 1)
    return cell[..., 0] * (2 * config.cells) + cell[..., 1]


def _log2_samples(scale: int) -> int:
    """Of the points of the map that a window's cell is the mean of: 1, 4 or 16."""
    return 2 * min(2, scale.bit_length() // 2)


def _window(config: OwnMapConfig, scale: int) -> Tensor:
    """Offsets (samples * side * side, 2) forward and to the left, metres; rows from ahead to behind."""
    cell, along = scale * config.cell_m, 2 ** (_log2_samples(scale) // 2)
    centres = (0.5 * (config.side - 1) - torch.arange(config.side)) * cell
    within = ((torch.arange(along) + 0.5) / along - 0.5) * cell
    points = torch.stack(torch.meshgrid(within, within, centres, centres, indexing="ij"), dim=-1)
    return (points[..., :2] + points[..., 2:]).reshape(-1, 2)


def _ray_points(count: int) -> Tensor:
    """Offsets (32 * count, 2) forward and to the left of the first steps along the scan's rays, metres."""
    depths = (torch.arange(count) + 0.5) * DEPTH_STEP_M
    rightward = (torch.arange(RAYS) + 0.5) * (2.0 / RAYS) - 1.0  # tangents, for 90 degrees of view
    points = torch.stack([depths.expand(RAYS, -1), -rightward[:, None] * depths], dim=-1)
    return points.flatten(0, 1)


def _turned(points: Tensor, axes: Tensor) -> Tensor:
    """Points (P, 2) forward and to the left, seen from above for each heading: (headings, P, 2)."""
    return points[None, :, :1] * axes[:, None] + points[None, :, 1:] * _leftward(axes)[:, None]


def _leftward(axes: Tensor) -> Tensor:
    """Directions (..., 2) a quarter turn to the left of others."""
    return torch.stack([-axes[..., 1], axes[..., 0]], dim=-1)
