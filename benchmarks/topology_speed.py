"""CPU time of the topological map and of the sub-goal reward for each step of an environment.

    python benchmarks/topology_speed.py

prints one JSON object. CPU time, because other work on the cores would distort the clock's.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from robonav.envs.navigation.episodes import sample_episode
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Frames
from robonav.maps.occupancy import PATCH_DIMENSIONS
from robonav.maps.topology.files import save_graph
from robonav.maps.topology.mapper import PlaceMapper, TopologyConfig
from robonav.rewards.sub_goal import SubGoalReward

STEP_M = 0.25
CORRIDOR_M, GAP_M = 40.0, 4.0
MEASURED_STEPS = 1000
AIM_MS = 0.3  # at 500 places


def serpentine() -> Iterator[np.ndarray]:
    """Positions (2,) along corridors of 40 m, 4 m apart, there and back for ever."""
    x, y, direction = 0.0, 0.0, 1
    while True:
        for _ in range(round(CORRIDOR_M / STEP_M)):
            x += direction * STEP_M
            yield np.array([x, y])
        for _ in range(round(GAP_M / STEP_M)):
            y += STEP_M
            yield np.array([x, y])
        direction = -direction


def milliseconds_a_step(mapper: PlaceMapper, positions: list[np.ndarray], view: np.ndarray) -> float:
    """CPU time of an update, the mean over a way."""
    start = time.process_time()
    for xy in positions:
        mapper.observe(xy, view)
    return 1e3 * (time.process_time() - start) / len(positions)


def graph_of(places: int, drift: float) -> dict[str, float]:
    """Cost of updates at so many places: while the map grows, and on the way back along known places."""
    mapper = PlaceMapper(PATCH_DIMENSIONS, TopologyConfig(max_places=10_000, drift=drift))
    view = np.ones(PATCH_DIMENSIONS) / np.sqrt(PATCH_DIMENSIONS)
    way = serpentine()
    while len(mapper.graph.places) < places:
        mapper.observe(next(way), view)
    with tempfile.TemporaryDirectory() as folder:
        size = save_graph(Path(folder) / "graph", mapper.graph).stat().st_size
    onwards = list(islice(way, MEASURED_STEPS))
    return {
        "growing_ms": round(milliseconds_a_step(mapper, onwards, view), 4),
        "returning_ms": round(milliseconds_a_step(mapper, onwards[::-1], view), 4),
        "bytes_a_place": round(size / places),
    }


def walk(num_agents: int, steps: int) -> list[Frames]:
    """Frames of agents that walk at random, mostly forward, through unseen houses."""
    scenes = open_scenes("procedural", "val")
    simulator = NavigationSimulator(scenes, num_agents, Camera())
    frames = [simulator.start([sample_episode(simulator, scenes.scene_ids[k], k) for k in range(num_agents)])]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        frames.append(simulator.step(rng.choice(3, p=(0.6, 0.2, 0.2), size=num_agents)))
    return frames


def reward_milliseconds(num_agents: int = 4, steps: int = 128) -> float:
    """CPU time of the whole sub-goal reward, occupancy and frontiers included, for a step of one agent."""
    frames = walk(num_agents, steps)
    reward = SubGoalReward(num_agents, Camera())
    reward.update(frames[0])
    start = time.process_time()
    for seen in frames[1:]:
        reward.compute(seen)
        reward.update(seen)
    return 1e3 * (time.process_time() - start) / (num_agents * steps)


def main() -> None:
    """Measure and print."""
    counts = (125, 250, 500, 1000)
    result = {
        "embedding_dimensions": PATCH_DIMENSIONS,
        "step_m": STEP_M,
        "aim_ms_at_500_places": AIM_MS,
        "places": {str(count): graph_of(count, drift=0.0) for count in counts},
        "places_with_drift": {str(count): graph_of(count, drift=0.05) for count in counts},
        "sub_goal_reward_ms": round(reward_milliseconds(), 3),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
