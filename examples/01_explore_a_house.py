"""Explore a house and save the frames that the agent saw.

    python examples/01_explore_a_house.py --out explore.png

The agent goes forward until something blocks it, then turns by a random angle. Every world works the same
way: give --scenes a mesh file or a folder of HM3D scenes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tyro
from PIL import Image

from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera


def main(
    scenes: str = "procedural", steps: int = 240, seed: int = 0, out: Path = Path("explore.png")
) -> None:
    """Explore one scene and save a sheet of camera frames."""
    worlds = open_scenes(scenes, split="val")
    simulator = NavigationSimulator(worlds, num_agents=1, camera=Camera(width=160, height=120))
    frames = simulator.start([sample_episode(simulator, worlds.scene_ids[0], seed)])

    rng = np.random.default_rng(seed)
    turns_left = 0
    seen, path, collisions = [frames.rgb[0]], [frames.position[0]], 0
    for _ in range(steps):
        if frames.collided[0]:
            turns_left = int(rng.integers(3, 13))
        action = LEFT if turns_left else FORWARD
        turns_left = max(0, turns_left - 1)
        frames = simulator.step(np.array([action]))
        seen.append(frames.rgb[0])
        path.append(frames.position[0])
        collisions += int(frames.collided[0])

    rows, columns = 4, 6
    chosen = np.linspace(0, len(seen) - 1, rows * columns).astype(int)
    sheet = np.block([[[seen[i]] for i in row] for row in chosen.reshape(rows, columns)])
    Image.fromarray(sheet).save(out)

    walked = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    print(f"{worlds.scene_ids[0]}: walked {walked:.1f} m in {steps} steps, {collisions} blocked moves")
    print(f"wrote {out}")


if __name__ == "__main__":
    tyro.cli(main)
