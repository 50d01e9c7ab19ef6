"""What physics and noise cost: the shipped explorer driven, beside the same in the ideal world.

    python benchmarks/drive_gap.py --drives 4 --steps 64 --out docs/results/drive_gap.json

Every drive starts where the ideal episode of its seed starts, with the same stream of random actions. Its
line is printed and written as soon as it ends.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from robonav.driving.measures import truth_of
from robonav.driving.simulation import SimulatedDrive
from robonav.envs.navigation import NavigationSimulator, previous_action
from robonav.envs.robots.spec import NO_NOISE, ROBOTS, Noise
from robonav.envs.scenes import open_scenes
from robonav.evaluation.explorer import Explorer, make_explorer
from robonav.evaluation.tracker import EpisodeTracker
from robonav.launch.warp_start import start_warp

CONDITIONS = {"physics": NO_NOISE, "physics and noise": Noise()}


def main(
    explorer: str = "explorer",
    scene: str = "procedural",
    robot: str = "turtlebot",
    drives: int = 4,
    steps: int = 64,
    camera: int = 128,
    out: Path = Path("drive_gap.json"),
) -> None:
    """Measure and write one line a drive."""
    start_warp()
    lines: list[dict[str, Any]] = []
    pilot, scenes = make_explorer(explorer), open_scenes(scene, split="val")
    for seed in range(drives):
        for name, noise in CONDITIONS.items():
            drive = SimulatedDrive(pilot, scenes, ROBOTS[robot], noise, seed, camera, threads=1)
            if name == "physics":
                lines.append({"condition": "ideal", **stepped(drive, pilot, scenes, steps)})
            began = time.process_time()
            record = drive.run(steps)[1]
            took = time.process_time() - began
            lines.append(
                {"condition": name, **short(record), "driven_s_per_cpu_s": record["drive"]["driven_s"] / took}
            )
            print(lines[-1], flush=True)
            out.write_text(json.dumps(lines, indent=1) + "\n")
    for name in ("ideal", *CONDITIONS):
        shares = [line["visible_completeness_pct"] for line in lines if line["condition"] == name]
        print(f"{name}: visible completeness {np.mean(shares):.1f} %, {len(shares)} drives")


def stepped(drive: SimulatedDrive, explorer: Explorer, scenes: Any, steps: int) -> dict[str, Any]:
    """The same episode in the ideal world."""
    simulator = NavigationSimulator(scenes, 1, explorer.camera, threads=1)
    frames = simulator.start([drive.episode])
    world = simulator.world(0)
    tracker = EpisodeTracker(drive.episode, world, truth_of(drive.episode, world), steps)
    explorer.reset(1, drive.episode.seed)
    previous = np.zeros(1, dtype=np.int64)
    for step in range(steps + 1):
        tracker.observe(frames.position[0], float(frames.yaw[0]), bool(frames.collided[0]))
        if step < steps:
            seen = {"rgb": frames.rgb, "previous_action": previous}
            actions = explorer.act(seen, frames, simulator.camera)
            frames = simulator.step(actions)
            previous = previous_action(actions, frames)
    return short(tracker.finish()[0])


def short(record: dict[str, Any]) -> dict[str, Any]:
    """What the table shows of a record."""
    last = str(record["steps"])
    return {
        "scene_id": record["scene_id"],
        "steps": record["steps"],
        "visible_completeness_pct": record["visible_completeness_pct"][last],
        "path_length_m": record["path_length_m"],
        "blocked": record["collisions"],
        **record.get("drive", {}),
    }


if __name__ == "__main__":
    tyro.cli(main)
