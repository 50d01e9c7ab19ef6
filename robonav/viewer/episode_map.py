"""The maps, path and rewards of one agent's episode so far, for viewers and exports."""

from __future__ import annotations

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.mapping.agent_maps import AgentMaps
from robonav.maps.occupancy import OccupancyGrid
from robonav.maps.topology.graph import PlaceGraph
from robonav.maps.topology.mapper import TopologyConfig
from robonav.rewards.curiosity import ReconstructionCuriosity

REACH_M = 4.0  # what the reward of the shipped presets counts, and so what is drawn
BODY_M = 0.18
_CELL_M = 0.10


def check_voxel_size(metres: float) -> None:
    """Raise UsageError if a voxel size is too coarse or too fine for a map."""
    if not 0.01 <= metres <= 0.5:
        raise UsageError(f"voxel is {metres}: give 0.01 to 0.5 metres")


class EpisodeMap:
    """Maps, path and reward of one agent from true depth and pose; for viewers only.

    Args:
        camera: The camera of its frames.
        start: First frames, N = 1.
        voxel_size: Edge of a voxel, metres; with the presets' 0.10 and their camera the reward is theirs.

    Attributes:
        frames: The newest frames of the agent, N = 1.
        poses: x, y, yaw at every step.
        rewards: `GeometricSurprise` of each frame.
    """

    def __init__(self, camera: Camera, start: Frames, voxel_size: float = 0.10) -> None:
        self.camera = camera
        self.floor_z = float(start.position[0, 2])
        self._curiosity = ReconstructionCuriosity(1, camera, voxel_size=voxel_size, reach_m=REACH_M)
        self.reconstruction = self._curiosity.reconstruction
        self.surface = self.reconstruction.growing_mesh(0)
        self._maps = AgentMaps(1, camera, TopologyConfig(), _CELL_M, stride=1)
        self.poses: list[tuple[float, float, float]] = []
        self.rewards: list[float] = []
        self.add(start)

    def add(self, frames: Frames) -> None:
        """Add the agent's next frames (N = 1)."""
        self.rewards.append(float(self._curiosity.compute(frames)[0]))
        self._curiosity.update(frames)
        self._maps.update(frames)
        x, y = frames.position[0, :2].tolist()
        self.poses.append((x, y, float(frames.yaw[0])))
        self.frames = frames

    @property
    def grid(self) -> OccupancyGrid:
        """The occupancy map, in cells of 10 cm."""
        return self._maps.grid(0)

    def graph(self) -> PlaceGraph:
        """The topological map: places along the path, edges between them, and current frontiers."""
        self._maps.see_frontiers(0)
        return self._maps.topology.mappers[0].graph

    @property
    def step(self) -> int:
        """Number of steps so far."""
        return len(self.poses) - 1
