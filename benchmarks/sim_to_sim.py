"""Effect of the physics engine: the same commands, and the same explorer, in MuJoCo and in PyBullet.

    python benchmarks/sim_to_sim.py --drives 4 --steps 96 --out sim_to_sim.json

Every start is one of `robonav evaluate`. The commands are 12 s of lines, arcs and turns, without noise; where
the robot touches something in one engine and not in the other, that tells apart what follows.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from robonav.agents.registry import make_explorer
from robonav.driving.simulation import SimulatedDrive
from robonav.envs.navigation.loaded_scenes import LoadedScene
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.physics import ENGINES, open_physics
from robonav.envs.robots.placement import robot_start
from robonav.envs.robots.robot import Twist
from robonav.envs.robots.simulated import SimulatedRobot
from robonav.envs.robots.spec import NO_NOISE, ROBOTS, RobotSpec
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.evaluation.statistics import bootstrap_mean, paired_difference
from robonav.launch.warp_start import start_warp

# Seconds, m/s, rad/s: within the limits of every robot.
COMMANDS = ((2, 0.2, 0.0), (3, 0.2, 0.8), (2, 0.0, 0.8), (3, 0.2, -0.8), (2, -0.1, 0.0))
SPEED_STEPS = 1200


def main(
    scenes: str = "procedural",
    starts: int = 12,
    explorer: str = "rgb-planner",
    drives: int = 4,
    steps: int = 96,
    camera: int = 64,
    out: Path = Path("sim_to_sim.json"),
) -> None:
    """Measure both engines from so many starts; write what was measured, and print it and its table."""
    start_warp()
    measured = {
        "scenes": scenes,
        "commands": [line for name in ROBOTS for line in commanded(scenes, name, starts)],
        "explorer": explorer,
        "drives": explored(scenes, explorer, drives, steps, camera),
    }
    text = json.dumps(measured, indent=1)
    out.write_text(text + "\n")
    print(text)
    print(table(measured))


def commanded(scenes: str, robot: str, starts: int) -> list[dict[str, Any]]:
    """The commands from every start in both engines, a line a start and engine."""
    opened, lines = open_scenes(scenes, split="val"), []
    for seed in range(starts):
        scene_id = opened.scene_ids[seed % len(opened.scene_ids)]
        world = NavigationSimulator(opened, 1, Camera(16, 16), threads=1).load(scene_id)
        start = robot_start(world, ROBOTS[robot], seed)
        for engine in ENGINES:
            lines.append(
                {
                    "scene_id": scene_id,
                    "robot": robot,
                    "seed": seed,
                    "engine": engine,
                    **driven(world, ROBOTS[robot], start, engine),
                    "steps_per_cpu_s": speed(world, ROBOTS[robot], start, engine),
                }
            )
    return lines


def driven(
    world: LoadedScene, spec: RobotSpec, start: tuple[float, float, float], engine: str
) -> dict[str, Any]:
    """End of the commands: pose, and seconds for which something was touched."""
    robot, contact_s = SimulatedRobot(world, spec, start, NO_NOISE, physics=engine), 0.0
    for seconds, forward, turn in COMMANDS:
        for _ in range(round(seconds / robot.period_s)):
            robot.cmd_vel(Twist(forward, turn))
            robot.tick()
            contact_s += robot.contact_s()
    pose = robot.true_pose
    robot.close()
    return {"pose": pose, "contact_s": round(contact_s, 3)}


def speed(world: LoadedScene, spec: RobotSpec, start: tuple[float, float, float], engine: str) -> int:
    """Physics steps in a second of CPU time, on a slow curve, with the bumper read in each."""
    physics = open_physics(engine, world.scene, world.free_space.floor_z)
    vehicle = physics.add_vehicle(spec, start)
    began = time.process_time()
    for _ in range(SPEED_STEPS):
        vehicle.roll(0.05, 0.1)
        physics.step()
        vehicle.bumps()
    took = time.process_time() - began
    physics.close()
    return round(SPEED_STEPS / took)


def explored(scenes: str, explorer: str, drives: int, steps: int, camera: int) -> list[dict[str, Any]]:
    """An explorer's drives with the turtlebot in both engines, without noise."""
    worlds, pilot, lines = open_scenes(scenes, split="val"), make_explorer(explorer), []
    for seed in range(drives):
        for engine in ENGINES:
            drive = SimulatedDrive(
                pilot, worlds, ROBOTS["turtlebot"], NO_NOISE, seed, camera, threads=1, physics=engine
            )
            record = drive.run(steps)[1]
            lines.append(
                {
                    "scene_id": record["scene_id"],
                    "seed": seed,
                    "engine": engine,
                    "visible_completeness_pct": record["visible_completeness_pct"][str(record["steps"])],
                    "bumps": record["drive"]["bumps"],
                }
            )
    return lines


def table(measured: dict[str, Any]) -> str:
    """Markdown: a row a robot that was commanded, then a row a figure of the drives."""
    head = ["robot", "starts", "free of contact", "apart, mm", "turned apart, °", "with contact: apart, m"]
    rows = [_row([*head, *(f"{engine}, steps/s" for engine in ENGINES)]), _row(["---"] * (len(head) + 2))]
    for robot in ROBOTS:
        rows.append(_row(_compared([line for line in measured["commands"] if line["robot"] == robot])))
    rows += ["", _row([f"{measured['explorer']}, turtlebot", *ENGINES, "difference"]), _row(["---"] * 4)]
    names = {"visible_completeness_pct": "visible completeness, %", "bumps": "bumps"}
    for key, title in names.items():
        sides = [
            {str(line["seed"]): float(line[key]) for line in measured["drives"] if line["engine"] == engine}
            for engine in ENGINES
        ]
        means = [bootstrap_mean(list(side.values())) for side in sides]
        gap = paired_difference(sides[0], sides[1])
        cells = [f"{mean.mean:.1f} [{mean.low:.1f}, {mean.high:.1f}]" for mean in means]
        rows.append(_row([title, *cells, f"{gap.mean:+.1f} [{gap.low:+.1f}, {gap.high:+.1f}]"]))
    return "\n".join(rows)


def _compared(lines: list[dict[str, Any]]) -> list[str]:
    ours, theirs = ([line for line in lines if line["engine"] == engine] for engine in ENGINES)
    apart = np.array([np.subtract(a["pose"], b["pose"]) for a, b in zip(ours, theirs, strict=True)])
    metres = np.hypot(apart[:, 0], apart[:, 1])
    turned = np.degrees(np.abs((apart[:, 2] + np.pi) % (2 * np.pi) - np.pi))
    free = np.array([a["contact_s"] == b["contact_s"] == 0 for a, b in zip(ours, theirs, strict=True)])
    speeds = [f"{np.median([line['steps_per_cpu_s'] for line in side]):,.0f}" for side in (ours, theirs)]
    clear = [_spread(1000 * metres[free], 0), _spread(turned[free], 1), _spread(metres[~free], 2)]
    return [lines[0]["robot"], str(len(ours)), str(int(free.sum())), *clear, *speeds]


def _spread(values: np.ndarray, digits: int) -> str:
    if not len(values):
        return ""
    return f"{np.median(values):.{digits}f} (most {values.max():.{digits}f})"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    tyro.cli(main)
