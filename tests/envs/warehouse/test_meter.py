"""The energy of a trip follows from mass, load, speed and time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robonav.envs.warehouse.config import WarehouseConfig
from robonav.envs.warehouse.vehicle import load_vehicle
from robonav.envs.warehouse.world import WarehouseWorld

ROLLING, GRAVITY = 0.02, 9.81


@pytest.mark.parametrize("loaded", [False, True])
def test_energy_is_that_of_vehicle_and_payload(loaded: bool) -> None:
    config = WarehouseConfig("simple", layouts=1, vehicle="forklift", loaded_share=float(loaded))
    world, vehicle = WarehouseWorld(config, 1), load_vehicle("forklift")
    world.start(config.episodes(world, 1, seed=0))
    meter = config.meter(world)
    still, speeds, metres = world.motion, [0.2, 0.4, 0.4, 0.1], 0.0
    for speed in speeds:
        world.motion = replace(still, twist=np.array([[speed, 0.0]], np.float32))
        world.outcome.motion[:] = [[0.1 * speed, 0.0, 0.0]]
        meter.observe(np.zeros((1, 2)), np.array([True]))
        metres += 0.1 * speed
    mass = vehicle.mass_kg + (vehicle.payload_kg if loaded else 0.0)
    joules = 4 * 0.1 * vehicle.idle_w
    for before, speed in zip([0.0, *speeds], speeds, strict=False):
        joules += max(0.0, mass * ((speed - before) / 0.1 + ROLLING * GRAVITY) * speed * 0.1)
    assert meter.record(0)["energy_wh_per_km"] == pytest.approx(joules / 3.6 / max(metres, 1.0), abs=1e-3)
