"""One episode in 3D in the browser; only changes are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from robonav.envs.world import Frames
from robonav.viewer.episode_map import BODY_M, EpisodeMap
from robonav.viewer.floor_plan import known_bounds, plan_image
from robonav.viewer.glb import mesh_glb
from robonav.viewer.graph_drawing import GraphDrawing
from robonav.viewer.path_drawing import PathDrawing

if TYPE_CHECKING:
    import viser

BODY_HEIGHT_M = 0.9
_PLAN_ABOVE_M = 0.06  # over the floor: the mesh of it is a little rough
_ROBOT = (66, 133, 244)
FACE_UP = (0.0, 1.0, 0.0, 0.0)  # half a turn about x: an image of viser's looks along -z


class EpisodeDrawing:
    """Draws an episode: reconstruction, floor with frontiers, topological map, path, robot and camera.

    The server keeps the drawing and sends all of it to browsers that join later.

    Args:
        server: Server that shows it.
    """

    def __init__(self, server: viser.ViserServer) -> None:
        self._server, self._scene = server, server.scene
        self._shown: EpisodeMap | None = None

    def draw(self, episode: EpisodeMap, with_map: bool) -> None:
        """Draw the robot, and with `with_map` the changed parts of the map."""
        if episode is not self._shown:
            self._begin(episode)
        self.draw_robot(episode, episode.frames)
        if with_map:
            self._draw_map(episode)

    def _begin(self, episode: EpisodeMap) -> None:
        """Remove the previous episode."""
        self._shown = episode
        for name in ("/map", "/floor", "/path", "/robot", "/graph"):
            self._scene.remove_by_name(name)
        self._parts: dict[str, viser.GlbHandle] = {}
        for name in ("/map", "/robot"):
            self._scene.add_frame(name, show_axes=False)
        self._graph = GraphDrawing(self._scene, episode.floor_z)
        self._way = PathDrawing(self._scene, episode.floor_z)
        camera = episode.camera
        self._camera = self._scene.add_camera_frustum(
            "/robot/camera",
            fov=2 * float(np.arctan(camera.height / 2 / camera.focal)),
            aspect=camera.width / camera.height,
            scale=0.35,
            color=_ROBOT,
        )
        self._body = self._scene.add_cylinder("/robot/body", BODY_M, BODY_HEIGHT_M, color=_ROBOT)
        self._floor = self._scene.add_image("/floor", np.zeros((1, 1, 4), np.uint8), 1.0, 1.0, wxyz=FACE_UP)

    def draw_robot(self, episode: EpisodeMap, frames: Frames) -> None:
        """Draw robot and camera from frames (N = 1), and the path up to the last step."""
        pose = frames.T_world_camera[0].astype(float)
        x, y, _ = frames.position[0].tolist()
        with self._server.atomic():
            self._camera.image = frames.rgb[0]
            self._camera.wxyz = Rotation.from_matrix(pose[:3, :3]).as_quat(scalar_first=True)
            self._camera.position = pose[:3, 3]
            self._body.position = (x, y, episode.floor_z + BODY_HEIGHT_M / 2)
            self._way.draw(episode.poses)

    def _draw_map(self, episode: EpisodeMap) -> None:
        """Draw the changed parts of the mesh, and the floor."""
        for part, mesh in episode.surface.update().items():
            name = "/map/" + "_".join(map(str, part))
            if not len(mesh[1]):
                if name in self._parts:
                    self._parts.pop(name).remove()
            elif name in self._parts:
                self._parts[name].glb_data = mesh_glb(mesh)
            else:
                self._parts[name] = self._scene.add_glb(name, mesh_glb(mesh))
        self._draw_floor(episode)
        self._graph.draw(episode.graph())

    def _draw_floor(self, episode: EpisodeMap) -> None:
        grid = episode.grid
        low, high = known_bounds(grid)
        with self._server.atomic():
            self._floor.image = plan_image(grid, low, high)
            self._floor.render_width, self._floor.render_height = ((high - low) * grid.cell_size).tolist()
            middle = grid.origin_xy + (low + high) / 2 * grid.cell_size
            self._floor.position = (*middle, episode.floor_z + _PLAN_ABOVE_M)


def look_at(server: viser.ViserServer, target: NDArray[np.floating], distance_m: float) -> None:
    """Set the initial view: at a point (3,), from the south and above."""
    server.initial_camera.look_at = np.asarray(target, float)
    server.initial_camera.position = target + distance_m * np.array([0.0, -0.6, 0.8])
