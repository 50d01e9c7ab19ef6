"""A map of the policy's own: what its eye says lies where, put together by counting its own steps.

It holds nothing that a robot with a camera, wheel encoders and a bumper does not have: ranges that the frozen
eye reads from RGB, and the actions that were carried out. The simulator's depth and pose never enter. Its
columns are taken to span 90 degrees, as those of the eye that ships do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from robonav.envs.navigation import FORWARD, FORWARD_M, LEFT, RIGHT, TURN_RAD
from robonav.policies.vision import COLUMNS

HEADINGS = round(2 * torch.pi / TURN_RAD)
_RAY_STEP_M = 0.125
_DOUBT = 0.03  # standard deviation of the eye's nearness; at depth z that is _DOUBT * (1 + z)**2 metres
_BUMPER_M = 0.35  # how far ahead the thing lies that stopped a move
_BUMPER_WEIGHT = 20.0  # touch outweighs many looks
_TRACK_WEIGHT = 1.0  # of standing somewhere as a sign that it is free
_UNKNOWN = (128, 0)  # neither free nor occupied, and not seen
_HALF_SURE = 0.5  # evidence at which a cell counts as half known


@dataclass(frozen=True)
class SpatialMemoryConfig:
    """Size of the policy's own map; `cells * cell_m` is the period with which it repeats."""

    cell_m: float = 0.25
    """Edge of a cell in metres."""
    cells: int = 128
    """Cells along an edge of the map, a power of two. Places further apart than the map share a cell."""
    reach_m: float = 3.0
    """Depth in metres up to which the eye is trusted."""
    side: int = 23
    """Cells along an edge of the windows that the policy sees; odd, so that the agent is in the middle."""
    scales: tuple[int, ...] = (1, 2, 4)
    """Size of a window's cell, in cells of the map."""

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        if not 0 < self.cells <= 2048 or self.cells & (self.cells - 1):
            raise ValueError(f"cells is {self.cells}: give a power of two up to 2048, such as 128")
        if not (0.01 <= self.cell_m <= 10.0 and _RAY_STEP_M <= self.reach_m <= 20.0):
            raise ValueError(f"cell_m {self.cell_m} or reach_m {self.reach_m} is not a length in a room")


@dataclass
class Places:
    """What N agents know of the places around them; inference state, never in a rollout buffer.

    Attributes:
        evidence: (N * rows, 3) float32 that a cell is free, is occupied, was seen.
        summary: (N * rows, 2) uint8 of it: 0 free ... 255 occupied, 0 unseen ... 255 seen.
        position: (N, 2) metres from the start, x along the first heading, y to the left.
        heading: (N,) int64, in turns of 15° to the left.
    """

    evidence: Tensor
    summary: Tensor
    position: Tensor
    heading: Tensor

    def copy(self) -> Places:
        """An independent copy."""
        return replace(
            self,
            evidence=self.evidence.clone(),
            summary=self.summary.clone(),
            position=self.position.clone(),
            heading=self.heading.clone(),
        )


class SpatialMemory(nn.Module):
    """Takes scans in and gives windows of the map that turn with the agent: forward is up.

    A cell (x, y) lies in row x * 2 * cells + y. The free bit between x and y takes the carry of y, so that
    one addition moves a cell and one mask wraps both coordinates: windows are half of the map's work.
    """

    axes: Tensor
    depths: Tensor
    rays: Tensor
    window: Tensor
    bumper: Tensor

    def __init__(self, config: SpatialMemoryConfig) -> None:
        super().__init__()
        self.config = config
        self._rows = 2 * config.cells**2
        self._mask = (config.cells - 1) * (2 * config.cells + 1)
        headings = torch.arange(HEADINGS) * TURN_RAD
        axes = torch.stack([headings.cos(), headings.sin()], dim=-1)
        rays, depths = _ray_points(config.reach_m)
        window = _turned(torch.cat([_window(config, scale) for scale in config.scales]), axes)
        constants = {
            "axes": axes,
            "depths": depths,
            "rays": _turned(rays, axes),
            "window": self._packed(window + 0.5 * config.cell_m),
            "bumper": _BUMPER_M * axes,
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
        )

    def observe(self, places: Places, scan: Tensor, previous_action: Tensor, starts: Tensor) -> None:
        """Move by the action that was carried out, and enter what is seen from there.

        Args:
            places: Changed in place.
            scan: (N, 2, 16) nearness of obstacles and at eye level, of `VisionEncoder.scan`.
            previous_action: (N,) int64 action + 1, 0 = none or blocked.
            starts: (N,) bool, a new episode begins with this frame.
        """
        self._forget(places, starts)
        blocked = (previous_action == 0) & ~starts
        turn = (previous_action == LEFT + 1).long() - (previous_action == RIGHT + 1).long()
        places.heading = torch.where(starts, 0, (places.heading + turn) % HEADINGS)
        forward = ((previous_action == FORWARD + 1) & ~starts).float()[:, None]
        places.position = places.position + FORWARD_M * forward * self.axes[places.heading]
        self._add(places, self.rays[places.heading], self._signs(scan).flatten(1, 2))
        here = torch.tensor([_TRACK_WEIGHT, 0.0, 0.0], device=scan.device).expand(len(scan), 1, 3)
        self._add(places, torch.zeros_like(places.position)[:, None], here)
        ahead = torch.tensor([0.0, _BUMPER_WEIGHT, 0.0], device=scan.device) * blocked[:, None, None]
        self._add(places, self.bumper[places.heading][:, None], ahead)

    def windows(self, places: Places) -> Tensor:
        """What is known around each agent, (N, channels, side, side) uint8; the top row lies ahead."""
        cell = self._packed(places.position)[:, None] + self.window[places.heading]
        known = places.summary.view(torch.int16)[:, 0].take(self._in_map(cell)).view(torch.uint8)
        side, parts, first = self.config.side, [], 0
        for scale in self.config.scales:
            shape = (-1, _samples(scale), side, side, 2)
            last = first + _samples(scale) * side**2
            part = known[:, 2 * first : 2 * last].reshape(shape)
            parts.append((part.sum(1, dtype=torch.int16) // _samples(scale)).to(torch.uint8))
            first = last
        return torch.cat(parts, dim=-1).movedim(-1, 1)

    def _signs(self, scan: Tensor) -> Tensor:
        """Evidence (N, 16, K, 3) along rays: free before the obstacle, occupied at it, seen if in sight."""
        depth = 1.0 / scan.clamp(0.05, 1.0) - 1.0
        doubt = _DOUBT * (1.0 + depth).square()
        behind = (self.depths - depth[..., None]) / doubt[..., None]
        free, seen = torch.sigmoid(-2.0 * behind[:, 0] - 2.0), torch.sigmoid(-2.0 * behind[:, 1])
        occupied = torch.exp(-0.5 * behind[:, 0].square()) * (0.1 / doubt[:, 0, :, None]).clamp(max=1.0)
        return torch.stack([free, occupied, seen], dim=-1)

    def _add(self, places: Places, offsets: Tensor, signs: Tensor) -> None:
        index = self._cells(places, offsets).flatten()
        places.evidence.index_add_(0, index, signs.flatten(0, 1))
        free, occupied, seen = places.evidence[index].unbind(-1)
        obstacle = 0.5 + 0.5 * (occupied - free) / (occupied + free + _HALF_SURE)
        share = torch.stack([obstacle, seen / (seen + _HALF_SURE)], dim=-1)
        places.summary[index] = (255.0 * share).round().to(torch.uint8)

    def _cells(self, places: Places, offsets: Tensor) -> Tensor:
        """Rows of the map (N, P) of offsets (N, P, 2) from the agents."""
        return self._in_map(self._packed(places.position[:, None] + offsets))

    def _packed(self, points: Tensor) -> Tensor:
        """Cells (...) int32 of points (..., 2); so packed, two cells can be added."""
        cell = (points / self.config.cell_m).floor().int() & (self.config.cells - 1)
        return cell[..., 0] * (2 * self.config.cells) + cell[..., 1]

    def _in_map(self, cells: Tensor) -> Tensor:
        """Rows (N, P) int64 of each agent's cells (N, P); the map repeats beyond its edge."""
        first = torch.arange(len(cells), device=cells.device, dtype=torch.int32)[:, None] * self._rows
        return ((cells & self._mask) + first).long()

    def _forget(self, places: Places, starts: Tensor) -> None:
        if starts.any():
            places.evidence.view(len(starts), -1, 3)[starts] = 0.0
            unknown = torch.tensor(_UNKNOWN, dtype=torch.uint8, device=starts.device)
            places.summary.view(len(starts), -1, 2)[starts] = unknown
            places.position = torch.where(starts[:, None], 0.0, places.position)


class WindowEncoder(nn.Module):
    """Two small convolutions over the windows of the own map."""

    def __init__(self, channels: int, side: int, width: int) -> None:
        super().__init__()
        cells = (-(-side // 4)) ** 2
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Flatten(),
            nn.Linear(32 * cells, width),
        )

    def forward(self, windows: Tensor) -> Tensor:
        """Views (..., width) of windows (..., C, S, S) uint8."""
        flat = windows.flatten(0, -4).float() / 255.0 - 0.5
        flat = flat.contiguous(memory_format=torch.channels_last)
        view: Tensor = self.body(flat)
        return view.unflatten(0, windows.shape[:-3])


class NoSpatialMemory(nn.Module):
    """In place of `SpatialMemory` where a policy has no map: nothing goes in, nothing comes out."""

    channels = side = 0

    def new(self, count: int, device: torch.device) -> Places:
        """Nothing."""
        return Places(*(torch.zeros(0, device=device) for _ in range(4)))

    def observe(self, places: Places, scan: Tensor, previous_action: Tensor, starts: Tensor) -> None:
        """Ignore it."""

    def windows(self, places: Places) -> Tensor:
        """Windows without a channel, for any number of agents."""
        return torch.zeros(1, 0, 0, 0, dtype=torch.uint8, device=places.evidence.device)

    def encoder(self, width: int) -> nn.Module:
        """Gives zero."""
        return _Nothing()


class _Nothing(nn.Module):
    def forward(self, windows: Tensor) -> float:
        return 0.0


def _samples(scale: int) -> int:
    """Points of the map that a window's cell is the mean of."""
    return 1 if scale == 1 else 4


def _window(config: SpatialMemoryConfig, scale: int) -> Tensor:
    """Offsets (samples * side * side, 2) forward and to the left, metres; rows from ahead to behind."""
    cell = scale * config.cell_m
    centres = (0.5 * (config.side - 1) - torch.arange(config.side)) * cell
    within = torch.tensor([0.0]) if scale == 1 else torch.tensor([-0.25, 0.25]) * cell
    points = torch.stack(torch.meshgrid(within, within, centres, centres, indexing="ij"), dim=-1)
    return (points[..., :2] + points[..., 2:]).reshape(-1, 2)


def _ray_points(reach_m: float) -> tuple[Tensor, Tensor]:
    """Offsets (16 * K, 2) forward and to the left along the scan's columns, and their depths (K,), metres."""
    depths = (torch.arange(round(reach_m / _RAY_STEP_M)) + 0.5) * _RAY_STEP_M
    rightward = (torch.arange(COLUMNS) + 0.5) * (2.0 / COLUMNS) - 1.0  # tangents, for 90 degrees of view
    points = torch.stack([depths.expand(COLUMNS, -1), -rightward[:, None] * depths], dim=-1)
    return points.flatten(0, 1), depths


def _turned(points: Tensor, axes: Tensor) -> Tensor:
    """Points (P, 2) forward and to the left, seen from above for each heading: (headings, P, 2)."""
    left = torch.stack([-axes[:, 1], axes[:, 0]], dim=-1)
    return points[None, :, :1] * axes[:, None] + points[None, :, 1:] * left[:, None]
