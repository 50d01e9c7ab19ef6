"""Turn around once and save a coloured 3D mesh of the room.

    python examples/03_map_a_room.py --out room.ply

Before each frame the map renders the frame that it expects. The share that it cannot predict is the
surprise, the reward of curious agents. It falls as the turn closes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tyro

from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import LEFT
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.maps.export import write_mesh
from robonav.maps.reconstruction.tsdf import Reconstruction
from robonav.rewards.curiosity import pinhole_of


def main(
    scenes: str = "procedural", voxel_size: float = 0.05, seed: int = 0, out: Path = Path("room.ply")
) -> None:
    """Map one room and write the mesh, a .ply or a .glb."""
    worlds = open_scenes(scenes, split="val")
    camera = Camera(width=160, height=120)
    simulator = NavigationSimulator(worlds, num_agents=1, camera=camera)
    frames = simulator.start([sample_episode(simulator, worlds.scene_ids[0], seed)])
    reconstruction = Reconstruction(num_envs=1, pinhole=pinhole_of(camera), voxel_size=voxel_size)

    full_turn = 24
    for step in range(full_turn + 1):
        expected = reconstruction.render(frames.T_world_camera, stride=2)
        if step % 4 == 0:
            print(f"{15 * step:3d} degrees: {expected.unknown.mean():4.0%} of the frame is unknown")
        reconstruction.integrate(frames.rgb, frames.depth, frames.T_world_camera)
        frames = simulator.step(np.array([LEFT]))

    vertices, triangles, colors = reconstruction.mesh(env_id=0)
    write_mesh(out, vertices, triangles, colors)
    print(f"wrote {out}: {len(triangles):,} triangles from {reconstruction.bytes_used() / 1e6:.1f} MB of map")


if __name__ == "__main__":
    tyro.cli(main)
