"""Motion of vehicles against closed forms, and the reading of their files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from robonav.envs.robots.robot import RobotError
from robonav.envs.warehouse.distance_grid import DistanceGrid
from robonav.envs.warehouse.layout import WarehouseLayout
from robonav.envs.warehouse.simulation import DECISION_S, WarehouseSimulation
from robonav.envs.warehouse.vehicle import AMR, FORKLIFT, VEHICLES, VehicleSpec, load_vehicle

HALL = WarehouseLayout("hall", (60.0, 60.0))


def driven(vehicle: VehicleSpec, action: tuple[float, float], decisions: int, loaded: bool = False) -> list:
    simulation = WarehouseSimulation([DistanceGrid.of(HALL, vehicle)], vehicle, 1)
    simulation.place([0], [0], np.array([[30.0, 30.0, 0.0]]), [loaded])
    return [simulation.drive(np.array([action])) for _ in range(decisions)]


@pytest.mark.parametrize("vehicle", VEHICLES.values(), ids=VEHICLES)
def test_acceleration_is_the_vehicles_and_begins_after_the_latency(vehicle: VehicleSpec) -> None:
    first, second = driven(vehicle, (1.0, 0.0), 2)
    assert first.twist[0, 0] == pytest.approx(0.0, abs=1e-6)
    assert second.twist[0, 0] == pytest.approx(vehicle.max_acceleration * DECISION_S, rel=1e-4)


def test_top_speed_is_kept() -> None:
    last = driven(AMR, (1.0, 0.0), 40)[-1]
    assert last.twist[0, 0] == pytest.approx(AMR.max_speed, rel=1e-5)


def test_a_differential_drive_follows_the_arc_of_speed_and_turn_rate() -> None:
    motions = driven(AMR, (1.0, 0.5), 80)
    a, b = motions[60], motions[61]
    turn = 0.5 * AMR.max_turn
    chord = 2 * AMR.max_speed / turn * math.sin(turn * DECISION_S / 2)
    assert np.hypot(*(b.pose[0, :2] - a.pose[0, :2])) == pytest.approx(chord, rel=1e-3)
    assert b.pose[0, 2] - a.pose[0, 2] == pytest.approx(turn * DECISION_S, rel=1e-3)


def test_a_tricycle_turns_round_the_point_that_steering_and_wheelbase_give() -> None:
    motions = driven(FORKLIFT, (0.0, 0.4), 120)
    steering = 0.4 * FORKLIFT.max_steering
    radius = FORKLIFT.wheelbase_m / math.tan(steering)
    x, y, yaw = motions[60].pose[0]
    centre = np.array([x - radius * math.sin(yaw), y + radius * math.cos(yaw)])
    places = np.array([motion.pose[0, :2] for motion in motions[60:]])
    assert np.linalg.norm(places - centre, axis=1) == pytest.approx(radius, rel=5e-3)


def test_load_takes_acceleration() -> None:
    empty, loaded = (driven(AMR, (1.0, 0.0), 5, load)[-1].twist[0, 0] for load in (False, True))
    assert loaded / empty == pytest.approx(AMR.mass_kg / (AMR.mass_kg + AMR.payload_kg), rel=1e-4)


def test_zero_is_slow_ahead_and_standstill_stands() -> None:
    assert driven(AMR, (0.0, 0.0), 30)[-1].twist[0, 0] == pytest.approx((AMR.max_speed - AMR.max_reverse) / 2)
    simulation = WarehouseSimulation([DistanceGrid.of(HALL, AMR)], AMR, 1)
    simulation.place([0], [0], np.array([[30.0, 30.0, 0.0]]), [False])
    last = [simulation.drive(simulation.standstill[None]) for _ in range(10)][-1]
    assert last.pose[0] == pytest.approx([30, 30, 0], abs=1e-5)


def test_a_wall_stops_a_vehicle_and_it_can_back_off() -> None:
    simulation = WarehouseSimulation([DistanceGrid.of(WarehouseLayout("h", (6.0, 6.0)), AMR)], AMR, 1)
    simulation.place([0], [0], np.array([[4.0, 3.0, 0.0]]), [False])
    motions = [simulation.drive(np.array([[1.0, 0.0]])) for _ in range(40)]
    assert motions[-1].touched[0]
    assert motions[-1].pose[0, 0] + 0.45 == pytest.approx(6.0, abs=0.05)
    away = [simulation.drive(np.array([[-1.0, 0.0]])) for _ in range(20)][-1]
    assert away.clearance[0] > 0.2


def test_a_vehicle_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "tug.yaml"
    file.write_text(
        "drive: tricycle\nfootprint: [[1.0, 0.4], [-0.2, 0.4], [-0.2, -0.4], [1.0, -0.4]]\n"
        "max_speed: 2.0\nwheelbase_m: 0.9\nscanner: {rays: 90, x: 0.9}\n"
    )
    tug = load_vehicle(str(file))
    assert (tug.name, tug.drive, tug.max_speed, tug.scanner.rays) == ("tug", "tricycle", 2.0, 90)
    assert tug.inscribed_m() == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_sped: 2.0", "perhaps max_speed"),
        ("max_speed: -1", "max_speed"),
        ("max_speed: .nan", "max_speed"),
        ("footprint: [[0, 0], [1, 1]]", "footprint"),
        ("drive: hovercraft", "hovercraft"),
        ("scanner: {rays: 0}", "rays"),
        ("[1, 2", "no vehicle"),
        ("", "no fields"),
    ],
)
def test_files_that_are_no_vehicles_are_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(RobotError, match=said):
        load_vehicle(str(file))


def test_a_name_with_a_typo_is_told_the_nearest() -> None:
    with pytest.raises(RobotError, match="perhaps you meant forklift"):
        load_vehicle("forklft")
