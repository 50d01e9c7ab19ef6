"""Curiosity from a persistent reconstruction: surprise over frames that the map did not predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.errors import UsageError
from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction
from robonav.rewards import surprise
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.frame_reward import OnFrames


def pinhole_of(camera: Camera) -> Pinhole:
    """The map's view of a camera."""
    return Pinhole(
        camera.width, camera.height, camera.focal, camera.focal, camera.width / 2, camera.height / 2
    )


class Surprise(Protocol):
    """Surprise of frames, given a map that has not integrated them."""

    def __call__(self, reconstruction: Reconstruction, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,)."""


@dataclass(frozen=True)
class GeometricSurprise:
    """Share u of pixels whose surface the map does not know, as u / (u + half)."""

    half: float = 0.04

    def __call__(self, reconstruction: Reconstruction, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,) in [0, 1)."""
        unknown = reconstruction.unknown_surface(frames.depth, frames.T_world_camera)
        return surprise.saturating(surprise.surprising_share(unknown), self.half)


@dataclass(frozen=True)
class RgbSurprise:
    """ReCuriosity's reward: low-passed RGB error against the rendered map over a threshold."""

    threshold: float = 0.0099
    new: float = 0.5
    known: float = -0.0002
    stride: int = 2

    def __call__(self, reconstruction: Reconstruction, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,), either `new` or `known`."""
        expected = reconstruction.render(frames.T_world_camera, self.stride)
        error = surprise.low_passed_rgb_error(expected.rgb, subsample(frames.rgb, self.stride))
        return surprise.thresholded(error, self.threshold, self.new, self.known)


SURPRISES: dict[str, Surprise] = {
    "geometric": GeometricSurprise(),
    "rgb": RgbSurprise(),
}


class ReconstructionCuriosity:
    """An intrinsic reward: surprise about a frame before the map takes it in.

    Args:
        num_envs: Number of environments, each with a map of its own.
        camera: The camera of the frames.
        how: What counts as surprising.
        voxel_size: Edge of a voxel, metres.
        reach_m: Depth up to which a surface counts and is remembered. Far ones would pay an agent that turns
            on the spot in the middle of a hall as much as one that goes and looks.
        memory_frames: The map forgets what it has not seen for so many frames; None = never (ablation).
        device: Where the map lives.
        threads: Threads that the map's kernels are spread over on a CPU.
    """

    def __init__(
        self,
        num_envs: int,
        camera: Camera,
        how: Surprise | None = None,
        voxel_size: float = 0.10,
        reach_m: float = 2.0,
        memory_frames: int | None = None,
        device: str = "cpu",
        threads: int = 1,
    ) -> None:
        self.how = how or GeometricSurprise()
        self.reconstruction = Reconstruction(
            num_envs,
            pinhole_of(camera),
            voxel_size=voxel_size,
            max_depth=reach_m,
            memory_frames=memory_frames,
            device=device,
            threads=threads,
        )

    def reset(self, env_ids: Sequence[int] | None = None) -> None:
        """Throw the maps of these environments away."""
        self.reconstruction.reset(env_ids)

    def compute(self, frames: Frames) -> NDArray[np.float32]:
        """Reward (N,) of frames that the map has not taken in."""
        return self.how(self.reconstruction, frames)

    def update(self, frames: Frames) -> None:
        """Integrate the frames into the maps."""
        self.reconstruction.integrate(frames.rgb, frames.depth, frames.T_world_camera)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Nothing: the map lives and dies with the episode."""
        return {}

    def load_state_dict(self, state: dict[str, NDArray[Any]]) -> None:
        """Nothing to restore."""
        if state:
            raise ValueError(f"a reconstruction keeps no state between episodes, found {sorted(state)}")


@dataclass(frozen=True)
class MapSurpriseConfig(RewardConfig):
    """Options of the map that surprise is measured against."""

    voxel_size: float = 0.10
    """Edge of a voxel, metres."""
    reach_m: float = 4.0
    """Depth in metres up to which a surface counts and is remembered."""
    memory_frames: int | None = None
    """The map forgets what it has not seen for so many frames; None = never."""

    episodic: ClassVar[bool] = True

    @property
    def how(self) -> Surprise:
        """What counts as surprising."""
        return SURPRISES[self.name]

    def build(self, context: RewardContext) -> OnFrames:
        """The reward for a robonav world with a depth camera."""
        context.privileged_world(self.name)
        if context.camera is None:
            raise UsageError(f"reward {self.name} is paid for depth images, and this world has no camera")
        return OnFrames(
            ReconstructionCuriosity(
                context.num_envs,
                context.camera,
                self.how,
                self.voxel_size,
                self.reach_m,
                self.memory_frames,
                threads=context.threads,
            )
        )


@dataclass(frozen=True)
class GeometricConfig(MapSurpriseConfig):
    """Map surprise: share of the image whose surface the reconstruction does not know."""

    name: ClassVar[str] = "geometric"
    source: ClassVar[str] = "this project, after ReCuriosity (2605.22814)"


@dataclass(frozen=True)
class RgbConfig(MapSurpriseConfig):
    """ReCuriosity's reward: low-passed RGB error against the rendered map, over a threshold."""

    name: ClassVar[str] = "rgb"
    source: ClassVar[str] = "ReCuriosity (2605.22814)"


def subsample(image: NDArray[Any], stride: int) -> NDArray[Any]:
    """Every `stride`-th pixel of (N, H, W, ...) at the centres that a strided map rendering uses."""
    first = stride // 2
    return image[:, first::stride, first::stride]
