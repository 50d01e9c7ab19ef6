"""The warehouse as a kind of world: how it is made, evaluated and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from robonav.envs.warehouse.meter import WarehouseMeter
from robonav.envs.warehouse.options import WarehouseOptions
from robonav.envs.warehouse.world import WarehouseWorld
from robonav.envs.world import Episode
from robonav.envs.world_config import WorldConfig


@dataclass(frozen=True)
class WarehouseConfig(WarehouseOptions, WorldConfig):
    """A warehouse: AGVs drive continuously to goals that they may have to find (after arXiv 2404.12594)."""

    name: ClassVar[str] = "warehouse"
    headline: ClassVar[dict[str, str]] = {
        "success": "Success",
        "spl": "SPL",
        "time_s": "Time, s",
        "contacts_per_100_m": "Contacts per 100 m",
        "least_clearance_m": "Least clearance, m",
        "idle_share": "Share of time at a standstill",
        "jerk_rms_m_s3": "Jerk (RMS), m/s³",
        "energy_wh_per_km": "Energy, Wh/km",
    }
    planners: ClassVar[tuple[str, ...]] = ("pure-pursuit", "se2-astar", "wait-and-go", "se2-astar-dwa")

    def make(
        self, num_agents: int, split: str = "train", seed: int = 0, first_env: int = 0
    ) -> WarehouseWorld:
        """The world."""
        return WarehouseWorld(self, num_agents, split, seed, first_env)

    def episodes(self, world: WarehouseWorld, count: int, seed: int) -> list[Episode]:
        """Episodes spread evenly over the halls; the k-th of a hall is the same whatever `count` is."""
        halls, planned = len(world.places), []
        for index in range(count):
            hall, k = index % halls, index // halls
            rng = np.random.default_rng([seed, hall, k, 7])
            planned.append(world.episode(hall, rng, f"{world.scene_ids[hall]}/{seed}-{k}"))
        return planned

    def meter(self, world: WarehouseWorld) -> WarehouseMeter:
        """The meter of the vehicles."""
        return WarehouseMeter(world)
