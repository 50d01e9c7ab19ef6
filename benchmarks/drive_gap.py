"""Cost of physics and noise: an explorer driven, beside the same explorer stepped in the ideal world.

    python benchmarks/drive_gap.py --drives 10 --steps 192 --out docs/results/drive_gap.jsonl

Every drive starts where the ideal episode of its seed starts, with the same stream of random actions. Its
line is appended as soon as it ends, and what the file has is not driven again: a run that was stopped goes
on, and several processes may share a file, each with drives of its own (--first).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from robonav.agent import Explorer
from robonav.agents.registry import fingerprint, make_explorer
from robonav.driving.measures import truth_of
from robonav.driving.simulation import SimulatedDrive
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.world import NavigationWorld
from robonav.envs.robots.spec import NO_NOISE, ROBOTS, Noise
from robonav.envs.rollout import rollout
from robonav.envs.scenes import Scene, open_scenes
from robonav.errors import UsageError
from robonav.evaluation.statistics import bootstrap_mean, paired_difference
from robonav.evaluation.tracker import EpisodeTracker
from robonav.launch.warp_start import start_warp

IDEAL = "ideal"
NOISE = {"physics": NO_NOISE, "physics and noise": Noise()}
# Name in a line, title in the table; the last two are of driven robots only.
FIGURES = {
    "visible_completeness_pct": "visible completeness, %",
    "path_length_m": "way, m",
    "blocked": "blocked steps",
    "bumps": "bumps",
    "contact_s": "in contact, s",
}


def main(
    explorer: str = "explorer",
    scenes: tuple[str, ...] = ("procedural",),
    robot: str = "turtlebot",
    drives: int = 10,
    first: int = 0,
    steps: int = 192,
    camera: int = 128,
    out: Path = Path("drive_gap.jsonl"),
) -> None:
    """Measure what the file lacks, so many drives in each set of scenes; print the table of all of them."""
    start_warp()
    settings = {
        "explorer": explorer,
        "explorer_hash": fingerprint(explorer),
        "robot": robot,
        "steps": steps,
        "camera": camera,
    }
    pilot = make_explorer(explorer)
    for name in scenes:
        measure({**settings, "scenes": name}, pilot, range(first, first + drives), out)
    print(table([line for name in scenes for line in read(out, {**settings, "scenes": name})]))


def measure(settings: dict[str, Any], pilot: Explorer, seeds: Sequence[int], out: Path) -> None:
    """Drive what the file lacks in one set of scenes, a line a drive."""
    worlds, robot = open_scenes(settings["scenes"], split="val"), ROBOTS[settings["robot"]]
    for seed in seeds:
        done = {line["condition"] for line in read(out, settings) if line["seed"] == seed}
        for condition in (IDEAL, *NOISE):
            if condition not in done:
                noise = NOISE.get(condition, NO_NOISE)
                drive = SimulatedDrive(pilot, worlds, robot, noise, seed, settings["camera"], threads=1)
                how = stepped if condition == IDEAL else driven
                line = how(drive, pilot, settings["steps"])
                append(out, {**settings, "seed": seed, "condition": condition, **line})


def driven(drive: SimulatedDrive, explorer: Explorer, steps: int) -> dict[str, Any]:
    """One drive of the explorer that is in it, and the CPU time that it took."""
    began = time.process_time()
    record = drive.run(steps)[1]
    took = time.process_time() - began
    return {**short(record), "driven_s_per_cpu_s": round(record["drive"]["driven_s"] / took, 2)}


def stepped(drive: SimulatedDrive, explorer: Explorer, steps: int) -> dict[str, Any]:
    """The same episode in the ideal world."""
    drive.robot.close()
    simulator = NavigationSimulator(OneScene(drive.world.scene), 1, explorer.camera, threads=1)
    world = NavigationWorld(simulator)
    seen, scene = world.start([drive.episode]), simulator.world(0)
    tracker = EpisodeTracker(drive.episode, scene, truth_of(drive.episode, scene), steps)
    explorer.reset(1, drive.episode.seed)
    for frames in rollout(world, seen, partial(explorer.act, camera=simulator.camera), steps):
        tracker.observe(frames.position[0], float(frames.yaw[0]), bool(frames.collided[0]))
    return short(tracker.finish()[0])


class OneScene:
    """A scene that is loaded already, as a set."""

    def __init__(self, scene: Scene) -> None:
        self.scene_ids, self._scene = (scene.scene_id,), scene

    def load(self, scene_id: str) -> Scene:
        """The scene."""
        return self._scene


def short(record: dict[str, Any]) -> dict[str, Any]:
    """Fields of a record that its line keeps."""
    last = str(record["steps"])
    return {
        "scene_id": record["scene_id"],
        "steps_done": record["steps"],
        "visible_completeness_pct": record["visible_completeness_pct"][last],
        "path_length_m": record["path_length_m"],
        "blocked": record["collisions"],
        **record.get("drive", {}),
    }


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line in one write, which others that append to the file cannot divide."""
    print(line["scene_id"], line["condition"], f"{line['visible_completeness_pct']:.1f} %", flush=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, (json.dumps(line) + "\n").encode())
    finally:
        os.close(handle)


def read(path: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that were measured with these settings; others may be in the same file.

    Raises:
        UsageError: A line is damaged.
    """
    lines = path.read_text().splitlines() if path.exists() else []
    try:
        parsed = [json.loads(line) for line in lines]
    except ValueError as error:
        raise UsageError(f"{path} has a damaged line ({error}): delete it and run this again") from error
    return [line for line in parsed if all(line[key] == value for key, value in settings.items())]


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Markdown: means with bootstrap 95 % intervals, and differences to the ideal world, paired by drive."""
    rows = ["| | " + " | ".join(FIGURES.values()) + " |", "|---" * (len(FIGURES) + 1) + "|"]
    by_condition: dict[str, dict[str, Any]] = {name: {} for name in (IDEAL, *NOISE)}
    for line in lines:
        by_condition[line["condition"]][f"{line['scenes']} {line['seed']}"] = line
    for name, drives in by_condition.items():
        cells = [_mean([line[key] for line in drives.values() if key in line]) for key in FIGURES]
        rows.append(f"| {name} ({len(drives)}) | " + " | ".join(cells) + " |")
    for name in NOISE:
        cells = [_difference(by_condition[name], by_condition[IDEAL], key) for key in FIGURES]
        rows.append(f"| {name} - {IDEAL} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    estimate = bootstrap_mean(values)
    return f"{estimate.mean:.1f} [{estimate.low:.1f}, {estimate.high:.1f}]"


def _difference(ours: dict[str, Any], theirs: dict[str, Any], key: str) -> str:
    values = [{k: float(line[key]) for k, line in side.items() if key in line} for side in (ours, theirs)]
    if not values[0].keys() & values[1].keys():
        return ""
    estimate = paired_difference(*values)
    return f"{estimate.mean:+.1f} [{estimate.low:+.1f}, {estimate.high:+.1f}]"


if __name__ == "__main__":
    tyro.cli(main)
