"""`robonav map`: what an explorer's walk makes of a scene, in files that other programs read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from robonav.errors import UsageError
from robonav.launch.mesh_options import MeshOptions


@dataclass(frozen=True)
class MapCommand(MeshOptions):
    """Walk through a scene and write its map: for Nav2, and as a topological graph.

    Writes map.yaml and map.pgm (occupancy, as Nav2's map_saver does), topology.graphml (NetworkX, Gephi,
    yEd), topology.geojson (QGIS; metres) and topology.safetensors (robonav). True depth and pose are used.

    Examples:
        robonav map my_house.glb --out results/map
        robonav map procedural --explorer explorer --steps 1024
    """

    scenes: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SCENE")]
    """`procedural`, a mesh, a floor plan (map.yaml), a room scan, or a folder; its first scene is mapped."""
    explorer: str = "frontier"
    """Explorer that walks: a baseline, `explorer`, or the folder of a trained one."""
    steps: int = 512
    """Number of steps."""
    resolution: float = 0.05
    """Edge of a cell of the occupancy map, metres."""
    seed: int = 0
    """Decides the start and random actions."""
    out: Path = Path("results/map")
    """Folder for the files; those of an earlier map in it are replaced."""

    def run(self) -> None:
        """Walk, write, and say where."""
        from robonav.agents.registry import make_explorer
        from robonav.envs.scenes import open_scenes
        from robonav.evaluation.map_scene import map_scene
        from robonav.maps.export import save_nav2_map
        from robonav.maps.topology.files import save_geojson, save_graph, save_graphml

        self._check()
        explorer = make_explorer(self.explorer)
        scenes = open_scenes(self.spec(self.scenes), split="val")
        maps = map_scene(scenes, explorer, self.steps, self.seed, self.resolution)
        graph = maps.topology.mappers[0].graph
        self.out.mkdir(parents=True, exist_ok=True)
        written = save_nav2_map(self.out, maps.grid(0))
        save_graphml(self.out / "topology.graphml", graph)
        save_geojson(self.out / "topology.geojson", graph)
        save_graph(self.out / "topology.safetensors", graph)
        counts = f"{len(graph.places)} places, {len(graph.edges)} edges, {len(graph.frontiers)} frontiers"
        print(f"{scenes.scene_ids[0]}: {counts}\nmap: {written}, and topology.* beside it")

    def _check(self) -> None:
        if self.steps < 1:
            raise UsageError(f"steps is {self.steps}: give at least 1")
        if self.seed < 0:
            raise UsageError(f"seed is {self.seed}: give 0 or more")
        if not 0.02 <= self.resolution <= 0.5:
            raise UsageError(f"resolution is {self.resolution}: give metres a cell, 0.02 to 0.5")
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"{self.out} is a file: give --out the name of a folder")
