"""Curiosity from a persistent reconstruction: surprise over frames that the map did not predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction
from robonav.rewards import surprise
from robonav.rewards.config import RewardConfig, RewardContext
from robonav.rewards.on_frames import OnFrames


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


class ReconstructionCuriosity:
    """A reward of frames: surprise about a frame before the map takes it in.

    Args:
        num_envs: Number of environments, each with a map of its own.
        camera: The camera of the frames.
        how: Surprise of frames.
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


def subsample(image: NDArray[Any], stride: int) -> NDArray[Any]:
    """Every `stride`-th pixel of (N, H, W, ...) at the centres that a strided map rendering uses."""
    first = stride // 2
    return image[:, first::stride, first::stride]


@dataclass(frozen=True)
class MapSurpriseConfig(RewardConfig):
    """Surprise about frames, before a reconstruction from true depth and pose takes them in."""

    voxel_size: float = 0.10
    """Edge of the map's voxels in metres."""
    reach_m: float = 4.0
    """Depth in metres up to which surfaces count."""
    memory_frames: int | None = None
    """The map forgets after so many frames; None = never."""

    episodic = True

    @property
    def surprise(self) -> Surprise:
        """Function of expected and seen frames that gives the surprise."""
        raise NotImplementedError

    def build(self, context: RewardContext) -> OnFrames:
        """The reward with a map for each agent.

        Raises:
            UsageError: The environment has no privileged frames of a camera.
        """
        curiosity = ReconstructionCuriosity(
            context.num_envs,
            context.privileged_camera(self.name),
            self.surprise,
            self.voxel_size,
            self.reach_m,
            self.memory_frames,
            threads=context.threads,
        )
        return OnFrames(curiosity)


@dataclass(frozen=True)
class GeometricConfig(MapSurpriseConfig):
    """Pays for surface that the map does not know yet; the colours of images do not matter."""

    name = "geometric"
    source = "robonav: u / (u + 0.04) of the share u of pixels whose surface is unknown"

    @property
    def surprise(self) -> Surprise:
        """Share of pixels whose surface is unknown."""
        return GeometricSurprise()


@dataclass(frozen=True)
class RgbConfig(MapSurpriseConfig):
    """Pays where an image differs from the one that the map predicts."""

    name = "rgb"
    source = "ReCuriosity: thresholded low-passed RGB error of the rendered map"

    @property
    def surprise(self) -> Surprise:
        """Low-passed RGB error against the rendered map."""
        return RgbSurprise()
