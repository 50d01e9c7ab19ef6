"""Agents that walk through meshes: N of them stepped in one call, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.envs.actions import Actions, Steps, along_arc
from robonav.envs.navigation.loaded_scenes import LoadedScene, LoadedScenes
from robonav.envs.navigation.motion_noise import motion_of
from robonav.envs.scenes import SceneSet
from robonav.envs.scenes.scene import SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.spheres import Instances, NoInstances
from robonav.envs.sensors.views import SensorMaker, render_views, sensor_of
from robonav.envs.world import Episode, Frames, motion_between


class NavigationSimulator:
    """N agents on flat floors that step, or go along arcs; a blocked move is rejected whole, not slid.

    It has no clock and no reward: `start` puts agents at the start of episodes, `step` moves all of them.
    With motion noise, steps are as inexact as a robot's, 1 = as the simulated TurtleBot's (`NoisyMotion`).

    Attributes:
        actions: Action space of the agents; by default `Steps`, forward 0.25 m and turns of 15 degrees.
        frames: The latest frames of all agents.
        instances: Things that are drawn into the frames beside the scenes.
    """

    def __init__(
        self,
        scenes: SceneSet,
        num_agents: int,
        camera: Camera | None = None,
        threads: int = 0,
        cache: int = 1024,
        sensor: SensorMaker = sensor_of,
        motion_noise: float = 0.0,
        actions: Actions | None = None,
    ) -> None:
        self.scenes, self.num_agents, self.camera = scenes, num_agents, camera or Camera()
        self.actions: Actions = actions or Steps()
        self._cache = LoadedScenes(scenes, self.camera, threads, max(cache, num_agents), sensor)
        self._worlds: list[LoadedScene | None] = [None] * num_agents
        self._position = np.zeros((num_agents, 3))
        self._yaw, self._askew = np.zeros(num_agents), np.zeros(num_agents)
        self._motion = motion_of(num_agents, motion_noise)
        shape = (num_agents, self.camera.height, self.camera.width)
        self.frames = Frames(
            rgb=np.zeros((*shape, 3), np.uint8),
            depth=np.zeros(shape, np.float32),
            T_world_camera=np.tile(np.eye(4, dtype=np.float32), (num_agents, 1, 1)),
            position=np.zeros((num_agents, 3), np.float32),
            yaw=np.zeros(num_agents, np.float32),
            collided=np.zeros(num_agents, bool),
            motion=np.zeros((num_agents, 3), np.float32),
        )
        self.instances: Instances = NoInstances()
        self._scenery = self.frames.rgb, self.frames.depth

    def world(self, agent: int) -> LoadedScene:
        """The world that an agent is in."""
        world = self._worlds[agent]
        if world is None:
            raise RuntimeError(f"agent {agent} is in no world yet: call start() first")
        return world

    def load(self, scene_id: str) -> LoadedScene:
        """The world of a scene, without putting anyone into it."""
        return self._cache.get(scene_id)

    def close(self) -> None:
        """Let go of the worlds, and of the simulators that render them, if any."""
        self._cache.close()

    def start(self, episodes: Sequence[Episode], agents: Sequence[int] | None = None) -> Frames:
        """Put agents (default: all) at the starts of their episodes; returns the new frames of all agents.

        Raises:
            SceneError: A start that is not on free floor.
        """
        chosen = list(range(self.num_agents)) if agents is None else list(agents)
        if len(chosen) != len(episodes):
            raise ValueError(f"{len(episodes)} episodes for {len(chosen)} agents: give one episode per agent")
        for agent, episode in zip(chosen, episodes, strict=True):
            world = self._cache.get(episode.scene_id)
            if not world.free_space.island_at(np.array(episode.start[:2])) > 0:
                raise SceneError(f"episode {episode.episode_id}: start {episode.start} is not on free floor")
            self._worlds[agent] = world
            self._position[agent] = (*episode.start[:2], world.free_space.floor_z)
            self._yaw[agent], self._askew[agent] = episode.start[2], 0.0
        self._motion.begin(episodes, chosen)
        collided = self.frames.collided.copy()
        collided[chosen] = False
        motion = self.frames.motion.copy()
        motion[chosen] = 0.0
        return self._look(chosen, chosen, collided, motion)

    def step(self, actions: NDArray[Any]) -> Frames:
        """Move every agent by one action (N, ...) and return what it sees there."""
        wanted, errors, before = self.actions.motion(actions), self._motion.errors(), self._poses()
        first_yaw = self._yaw + errors.turn
        going = np.column_stack([wanted[:, :2] * errors.length[:, None], wanted[:, 2]])
        collided = np.zeros(self.num_agents, bool)
        for agent in np.flatnonzero(going[:, :2].any(axis=1)).tolist():
            way = self._way(agent, first_yaw[agent], along_arc(going[agent]))
            if self._is_free(agent, way):
                self._position[agent, :2] = way[-1]
            else:
                collided[agent] = True
        # who was blocked, or did not want to move, stands as before, and so sees the same of the scene
        stays = collided | ~wanted.any(axis=1)
        self._yaw = np.where(stays, self._yaw, self._yaw + wanted[:, 2] + errors.turn)
        self._askew = np.where(stays, self._askew, errors.look)
        motion = motion_between(before, self._poses())
        return self._look(range(self.num_agents), np.flatnonzero(~stays).tolist(), collided, motion)

    def _way(self, agent: int, yaw: float, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """World positions (K, 2) of points (K, 2) in the frame of an agent that heads for `yaw`."""
        c, s = np.cos(yaw), np.sin(yaw)
        return self._position[agent, :2] + points @ np.array([[c, s], [-s, c]])

    def _is_free(self, agent: int, way: NDArray[np.float64]) -> bool:
        free_space = self.world(agent).free_space
        return all(
            free_space.segment_is_free(here, there) and not self.instances.blocks(agent, here, there)
            for here, there in pairwise(way)
        )

    def _poses(self) -> NDArray[np.float64]:
        return np.column_stack([self._position[:, :2], self._yaw + self._askew])

    def _look(
        self,
        agents: Sequence[int],
        moved: Sequence[int],
        collided: NDArray[np.bool_],
        motion: NDArray[np.float32],
    ) -> Frames:
        """New frames for `agents`; only the `moved` ones of them need their scene rendered again."""
        looking = self._yaw + self._askew
        poses = self.camera.poses(self._position, looking)
        rgb, depth = self._scenery[0].copy(), self._scenery[1].copy()
        render_views({agent: self.world(agent).sensor for agent in moved}, poses, rgb, depth)
        self._scenery = rgb, depth
        shown = self.frames.rgb, self.frames.depth
        rgb, depth = self.instances.over(agents, poses, self._scenery, shown)
        position, yaw = self._position.astype(np.float32), looking.astype(np.float32)
        self.frames = Frames(rgb, depth, poses, position, yaw, collided, motion)
        return self.frames
