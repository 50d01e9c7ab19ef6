"""Scenes that are ready to be walked and looked at, the most recently used of them kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from robonav.envs.scenes import SceneSet
from robonav.envs.scenes.scene import FreeSpace, Scene, SceneError
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.raycast import RaycastSensor
from robonav.envs.sensors.views import SensorMaker, sensor_of


@dataclass(frozen=True, eq=False)
class LoadedScene:
    """A scene that is ready to be walked and looked at."""

    scene: Scene
    free_space: FreeSpace
    sensor: RaycastSensor


class LoadedScenes:
    """Keeps the most recently used worlds, because building one costs more than a step."""

    def __init__(
        self,
        scenes: SceneSet,
        camera: Camera,
        threads: int,
        capacity: int,
        sensor: SensorMaker = sensor_of,
    ) -> None:
        self._scenes, self._camera, self._threads, self._capacity = scenes, camera, threads, capacity
        self._sensor = sensor
        self._worlds: OrderedDict[str, LoadedScene] = OrderedDict()

    def get(self, scene_id: str) -> LoadedScene:
        """The world of one scene, loaded on first use."""
        if scene_id not in self._worlds:
            self._worlds[scene_id] = self._load(scene_id)
            if len(self._worlds) > self._capacity:
                self._worlds.popitem(last=False)[1].sensor.close()
        self._worlds.move_to_end(scene_id)
        return self._worlds[scene_id]

    def close(self) -> None:
        """Forget all worlds."""
        while self._worlds:
            self._worlds.popitem()[1].sensor.close()

    def _load(self, scene_id: str) -> LoadedScene:
        scene = self._scenes.load(scene_id)
        if scene.free_space is None:
            raise SceneError(
                f"scene {scene_id} was loaded without free space, so no agent can be placed in it"
            )
        return LoadedScene(scene, scene.free_space, self._sensor(scene, self._camera, self._threads))
