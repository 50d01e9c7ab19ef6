"""Steps per second of the warehouse on one core, and of PPO end to end.

    python benchmarks/warehouse_speed.py

prints one JSON object: vehicles N = 64, 72 rays, a hall of 12 boxes, and one of about 135 with six other
vehicles in it. CPU time, because other work on the cores would distort the clock's. PyBullet did 235 to 294
steps a second with 60 boxes and 72 rays, IR-SIM 2.12 did 211 (measured once, in the same units, on one core).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import cycle

import numpy as np
import torch
from stable_baselines3 import PPO

from robonav.envs.vec_env import WorldVecEnv
from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.warehouse.world import WarehouseWorld

VEHICLES, DECISIONS = 64, 300
MOVERS = {"site": 6}


def per_second(step: Callable[[], object], count: int) -> float:
    """Steps of all vehicles in a second of CPU time."""
    step()  # compiles
    start = time.process_time()
    for _ in range(count):
        step()
    return round(VEHICLES * count / (time.process_time() - start))


def of_hall(layout: str) -> dict[str, float]:
    """Speed of the whole world, and of the kernels alone, in a hall."""
    world = WarehouseWorld(WarehouseConfig(layout, layouts=4, traffic=MOVERS.get(layout, 0)), VEHICLES)
    world.reset()
    actions = np.random.default_rng(0).uniform(-1, 1, (DECISIONS, VEHICLES, 2)).astype(np.float32)
    turns, seeds = cycle(actions), np.zeros(VEHICLES, np.int32)

    def simulate() -> None:
        world.simulation.drive(next(turns))
        world.simulation.scan(seeds)

    whole = per_second(lambda: world.step(next(turns)), DECISIONS)
    return {"world, steps/s": whole, "drive and scan, steps/s": per_second(simulate, DECISIONS)}


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    found: dict[str, object] = {layout: of_hall(layout) for layout in ("complex", "site")}
    env = WorldVecEnv(WarehouseWorld(WarehouseConfig("complex", layouts=4), VEHICLES))
    options = {"n_steps": 128, "batch_size": 1024, "n_epochs": 4, "policy_kwargs": {"net_arch": [128, 128]}}
    model = PPO("MultiInputPolicy", env, device="cpu", seed=0, **options)
    start, steps = time.process_time(), 12 * 128 * VEHICLES
    model.learn(steps)
    found["PPO end to end in complex, steps/s"] = round(steps / (time.process_time() - start))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
