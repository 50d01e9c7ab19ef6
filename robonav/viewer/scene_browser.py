"""Scenes and meshes in the browser, without an agent."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from robonav.envs.scenes import Scene, SceneSet
from robonav.envs.scenes.meshes.folder import discover
from robonav.envs.scenes.meshes.mesh_file import load_mesh_file
from robonav.envs.scenes.scene import FreeSpace, SceneError
from robonav.envs.scenes.spec import Spec
from robonav.viewer.episode_drawing import FACE_UP, look_at
from robonav.viewer.glb import scene_glb

if TYPE_CHECKING:
    import viser

CEILING_M = 2.1  # above the floor: what lies higher can be hidden, so that one looks into the rooms
_MOST_NAMED = 500  # scenes to choose from
_FREE_RGBA, _ELSEWHERE_RGBA = (80, 190, 110, 160), (240, 190, 70, 160)
_ABOVE_FLOOR_M = 0.03


class SingleMesh:
    """A set of one scene: a mesh that needs no free space.

    Args:
        spec: A file, its axes and its unit.
    """

    def __init__(self, spec: Spec) -> None:
        (self._file,) = discover(spec, "")
        self.scene_ids = (self._file.scene_id,)

    def load(self, scene_id: str) -> Scene:
        """The mesh, without free space."""
        axes = self._file.axes
        return load_mesh_file(self._file.path, scene_id, axes.up, axes.front, self._file.scale)


class SceneBrowser:
    """Shows a chosen scene of a set; green: free space where agents start, yellow: other free space.

    Args:
        server: Server that shows it.
        scenes: The set.
        scene: The first scene to show.
    """

    def __init__(self, server: viser.ViserServer, scenes: SceneSet, scene: Scene) -> None:
        self._server, self._scenes = server, scenes
        self._chooser = server.gui.add_dropdown(
            "Scene", tuple(scenes.scene_ids[:_MOST_NAMED]), initial_value=scene.scene_id
        )
        self._facts = server.gui.add_markdown("")
        self._hidden = server.gui.add_checkbox(
            "Hide what is high", initial_value=True, hint=f"What lies more than {CEILING_M} m above the floor"
        )
        self._asked = threading.Event()
        self._chooser.on_update(lambda _: self._asked.set())
        self._hidden.on_update(self._hide)
        self._show(scene)

    def wait_and_show(self) -> None:
        """Wait for a choice and show that scene, or the reason why it cannot be loaded."""
        self._asked.wait()
        self._asked.clear()
        self._facts.content = f"loading {self._chooser.value}"
        try:
            self._show(self._scenes.load(self._chooser.value))
        except SceneError as error:
            self._facts.content = f"**{error}**"

    def _show(self, scene: Scene) -> None:
        heights = scene.vertices[:, 2]
        floor_z = scene.free_space.floor_z if scene.free_space else float(np.percentile(heights, 1))
        high = heights[scene.triangles].min(axis=1) > floor_z + CEILING_M
        self._server.scene.remove_by_name("/scene")
        self._server.scene.add_frame("/scene", show_axes=False)
        for name, chosen in (("low", ~high), ("high", high)):
            if chosen.any():
                self._server.scene.add_glb(f"/scene/{name}", scene_glb(scene, chosen))
        size = np.ptp(scene.vertices, axis=0)
        self._facts.content = (
            f"{len(scene.triangles):,} triangles, {size[0]:.1f} x {size[1]:.1f} x {size[2]:.1f} m"
        )
        if scene.free_space:
            self._show_floor(scene.free_space)
        middle = (scene.vertices.min(axis=0) + scene.vertices.max(axis=0)) / 2
        look_at(self._server, np.array([*middle[:2], floor_z]), 1.3 * float(size[:2].max()))
        self._hide(None)

    def _show_floor(self, free_space: FreeSpace) -> None:
        islands = free_space.islands
        pixels = np.zeros((*islands.shape, 4), np.uint8)
        pixels[islands == 1], pixels[islands > 1] = _FREE_RGBA, _ELSEWHERE_RGBA
        size = np.multiply(islands.shape, free_space.cell_size)
        position = (*(free_space.origin_xy + size / 2), free_space.floor_z + _ABOVE_FLOOR_M)
        image = pixels.swapaxes(0, 1)[::-1]
        self._server.scene.add_image("/scene/floor", image, *size.tolist(), wxyz=FACE_UP, position=position)
        self._facts.content += f", {free_space.area_m2():.1f} m² where agents start"

    def _hide(self, _: object) -> None:
        high = self._server.scene.get_handle_by_name("/scene/high")
        if high is not None:
            high.visible = not self._hidden.value
