"""Steps move agents as they always did; velocities move them as a unicycle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robonav.envs.actions import ARC_PIECE_M, Actions, Steps, Velocities, actions_of, along_arc
from robonav.envs.navigation.episodes import EpisodeStream
from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, FORWARD_M, LEFT, RIGHT, TURN_RAD
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Episode
from tests.worlds import RADIUS, SIZE, Rooms

CAMERA = Camera(width=8, height=8)
RECORDED = Path(__file__).parent / "steps_golden.npz"  # by the simulator that knew steps alone
share = st.floats(-1.0, 1.0)


def at(start: tuple[float, float, float], actions: Actions, noise: float = 0.0) -> NavigationSimulator:
    simulator = NavigationSimulator(Rooms(), 1, CAMERA, 1, motion_noise=noise, actions=actions)
    simulator.start([Episode("0", "room-0", 0, start)])
    return simulator


def unicycle(yaw: float, length: float, turn: float) -> np.ndarray:
    """End (x, y) of a unicycle's arc from (0, 0), in closed form by its radius."""
    if abs(turn) < 1e-9:
        return length * np.array([np.cos(yaw), np.sin(yaw)])
    radius = length / turn
    return radius * np.array([np.sin(yaw + turn) - np.sin(yaw), np.cos(yaw) - np.cos(yaw + turn)])


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_steps_lead_where_they_led_when_agents_knew_steps_alone(noise: float) -> None:
    simulator = NavigationSimulator(Rooms(), 4, CAMERA, threads=1, motion_noise=noise)
    simulator.start(EpisodeStream(simulator, 5).next(range(4)))
    rng = np.random.default_rng(7)
    walked = [simulator.step(rng.choice(3, 4, p=[0.7, 0.15, 0.15])) for _ in range(300)]
    with np.load(RECORDED) as recorded:
        for name in ("position", "yaw", "collided"):
            found = np.stack([getattr(frames, name) for frames in walked])
            # sine and cosine of other machines may differ in the last bit
            np.testing.assert_allclose(found, recorded[f"{name}_{noise:g}"], rtol=0, atol=2e-6)


def test_steps_are_a_quarter_metre_and_15_degrees() -> None:
    expected = [[FORWARD_M, 0, 0], [0, 0, TURN_RAD], [0, 0, -TURN_RAD]]
    np.testing.assert_array_equal(Steps().motion(np.array([FORWARD, LEFT, RIGHT])), expected)
    told = Steps().previous(np.array([FORWARD, FORWARD, RIGHT]), np.array([False, True, False]))
    assert told.tolist() == [FORWARD + 1, 0, RIGHT + 1]


@given(share, share, st.floats(0.01, 0.4), st.floats(0.01, 3.0), st.booleans())
def test_a_velocity_is_the_arc_of_a_unicycle(ahead, turning, speed, rate, reverse) -> None:
    velocities = Velocities(speed, rate, reverse)
    x, y, turn = velocities.motion(np.array([[ahead, turning]]))[0]
    length = speed * (ahead if reverse else max(ahead, 0.0))
    assert turn == pytest.approx(rate * turning)
    np.testing.assert_allclose([x, y], unicycle(0.0, length, rate * turning), atol=1e-7)
    points = along_arc(np.array([x, y, turn]))
    for part, point in zip(np.linspace(0, 1, len(points)), points, strict=True):
        np.testing.assert_allclose(point, unicycle(0.0, part * length, part * turn), atol=1e-7)
    gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert turn == 0 or gaps.max() <= ARC_PIECE_M + 1e-9


def test_agents_go_along_their_arcs() -> None:
    simulator, rng = at((3.0, 2.0, 0.3), Velocities()), np.random.default_rng(0)
    xy, yaw = np.array([3.0, 2.0]), 0.3
    for _ in range(12):
        ahead, turning = rng.uniform(0, 0.5), rng.uniform(-1, 1)
        frames = simulator.step(np.array([[ahead, turning]]))
        xy, yaw = xy + unicycle(yaw, 0.25 * ahead, TURN_RAD * turning), yaw + TURN_RAD * turning
        np.testing.assert_allclose(frames.position[0, :2], xy, atol=1e-5)
        assert frames.yaw[0] == pytest.approx(yaw, abs=1e-5)
        expected = [*unicycle(0.0, 0.25 * ahead, TURN_RAD * turning), TURN_RAD * turning]
        np.testing.assert_allclose(frames.motion[0], expected, atol=1e-5)


def test_full_speed_and_full_turns_are_steps() -> None:
    stepping, driving = at((2.0, 2.0, 0.3), Steps(), 1.0), at((2.0, 2.0, 0.3), Velocities(), 1.0)
    speeds = {FORWARD: (1.0, 0.0), LEFT: (0.0, 1.0), RIGHT: (0.0, -1.0)}
    for action in np.random.default_rng(1).integers(3, size=60).tolist():
        expected, found = stepping.step(np.array([action])), driving.step(np.array([speeds[action]]))
        np.testing.assert_allclose(found.position, expected.position, atol=1e-6)
        np.testing.assert_allclose(found.yaw, expected.yaw, atol=1e-6)
        np.testing.assert_array_equal(found.collided, expected.collided)


def test_an_arc_that_leads_through_a_wall_is_rejected_whole_and_told() -> None:
    # both ends of the half circle are free; its middle is not
    start = (SIZE[0] - RADIUS - 0.1, 1.5, 0.0)
    velocities = Velocities(speed_m=0.5 * np.pi, turn_rad=np.pi)
    simulator = at(start, velocities)
    before, action = simulator.frames, np.array([[1.0, 1.0]])
    frames = simulator.step(action)
    assert frames.collided.tolist() == [True]
    np.testing.assert_array_equal(frames.position, before.position)
    np.testing.assert_array_equal(frames.motion, np.zeros((1, 3)))
    np.testing.assert_array_equal(velocities.previous(action, frames.collided), [[0.0, 0.0]])
    assert simulator.step(np.array([[0.0, 1.0]])).collided.tolist() == [False]
    assert at((3.0, 1.5, 0.0), velocities).step(action).collided.tolist() == [False]


def test_who_stands_still_stands_still_with_noise_too() -> None:
    simulator = at((3.0, 2.0, 0.3), Velocities(), 1.0)
    frames = simulator.step(np.zeros((1, 2)))
    np.testing.assert_array_equal(frames.motion, np.zeros((1, 3)))
    assert not frames.collided.any()


def test_going_backwards_has_to_be_allowed() -> None:
    back = np.array([[-1.0, 0.0]])
    np.testing.assert_array_equal(Velocities().motion(back), np.zeros((1, 3)))
    np.testing.assert_array_equal(Velocities().previous(back, np.zeros(1, bool)), np.zeros((1, 2)))
    np.testing.assert_allclose(Velocities(reverse=True).motion(back), [[-0.25, 0.0, 0.0]])


def test_actions_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="give finite shares"):
        Velocities().motion(np.array([[np.nan, 0.0]]))
    with pytest.raises(ValueError, match="'hops': give steps or velocities"):
        actions_of("hops")  # type: ignore[arg-type]
