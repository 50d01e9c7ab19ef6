"""`robonav view`: a recorded run, a scene or a map in the browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from robonav.errors import UsageError
from robonav.launch.mesh_options import MeshOptions
from robonav.viewer.server import DEFAULT_PORT

if TYPE_CHECKING:
    import viser


@dataclass(frozen=True)
class ViewCommand(MeshOptions):
    """Look at a recorded run, a scene or a map in the browser.

    A run is played again step by step: its frames are rendered anew, the map grows as it did. Play, pause,
    take single steps, or drag the slider to any step. Several browsers may look at the same time.

    Examples:
        robonav view results/first
        robonav view my_house.glb
        robonav view procedural --port 8090
    """

    what: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN|SCENE|MAP")]
    """A folder of `robonav evaluate`; whatever --scenes takes; or a mesh that `robonav export` wrote."""
    episode: str | None = None
    """Episode of a run to show first, by its id; default its first one."""
    scenes: str | None = None
    """Folder or file of the run's scenes, if they were moved."""
    port: int = DEFAULT_PORT
    """Port to serve on, on this machine only; the next free one if it is taken."""
    width: int = 128
    """Columns of the images that a run is rendered with."""
    voxel: float = 0.05
    """Edge of a voxel of the map that a run is shown with, metres."""
    threads: int = 0
    """Threads for rendering; 0 = all cores."""

    def run(self) -> None:
        """Serve until Ctrl-C."""
        from robonav.evaluation.records import SETTINGS
        from robonav.viewer.episode_map import check_voxel_size
        from robonav.viewer.server import address, start_server

        check_voxel_size(self.voxel)
        prepare = self._prepare_run if (Path(self.what) / SETTINGS).exists() else self._prepare_scene
        show = prepare()  # what cannot be shown is told before anything is served
        server = start_server(self.port)
        next_thing = show(server)
        print(f"open {address(server)} in a browser; Ctrl-C ends it", flush=True)
        try:
            while True:
                next_thing()
        except KeyboardInterrupt:
            server.stop()

    def _prepare_run(self) -> Callable[[viser.ViserServer], Callable[[], None]]:
        from robonav.viewer.player import Player
        from robonav.viewer.replay import RecordedRun

        run = RecordedRun(Path(self.what), self.scenes, self.width, self.threads)
        recording = run.open(self.episode or run.episode_ids[0])
        return lambda server: Player(server, run, recording, self.voxel).play_on

    def _prepare_scene(self) -> Callable[[viser.ViserServer], Callable[[], None]]:
        from robonav.envs.scenes import SceneSet, open_scenes
        from robonav.envs.scenes.meshes.placing import MESH_SUFFIXES
        from robonav.envs.scenes.spec import Spec
        from robonav.viewer.scene_browser import SceneBrowser, SingleMesh

        if self.episode or self.scenes:
            raise UsageError(
                f"{self.what} is no run: --episode and --scenes are for folders of `robonav evaluate`"
            )
        spec = Spec.parse(self.spec(self.what))
        is_mesh = Path(spec.path).suffix.lower() in MESH_SUFFIXES and Path(spec.path).is_file()
        scenes: SceneSet = SingleMesh(spec) if is_mesh else open_scenes(str(spec))
        first = scenes.load(scenes.scene_ids[0])
        return lambda server: SceneBrowser(server, scenes, first).wait_and_show
