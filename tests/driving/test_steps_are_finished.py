"""A step is 0.25 m or 15° by the robot's own odometry, and what the policy is told of it is true."""

from __future__ import annotations

import numpy as np
import pytest

from robonav.driving.driver import LET_GO, Driver
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT, previous_action
from robonav.envs.robots.robot import Twist
from robonav.envs.robots.spec import HUSKY, TURTLEBOT, Noise, RobotSpec
from tests.driving.robots import Kept, Told, robot_in_a_room

pytestmark = pytest.mark.usefixtures("engine")

ROUND = [FORWARD, LEFT, LEFT, FORWARD, RIGHT, FORWARD]


def ideal_poses(actions: list[int], start: tuple[float, float, float]) -> np.ndarray:
    """Poses of steps of exactly 0.25 m and 15°: x, y, yaw before each step and after the last."""
    x, y, yaw = start
    poses = [start]
    for action in actions:
        if action == FORWARD:
            x, y = x + 0.25 * np.cos(yaw), y + 0.25 * np.sin(yaw)
        yaw += np.radians({FORWARD: 0, LEFT: 15, RIGHT: -15}[action])
        poses.append((x, y, yaw))
    return np.array(poses)


@pytest.mark.parametrize(("spec", "beside_m"), [(TURTLEBOT, 0.02), (HUSKY, 0.05)], ids=["turtlebot", "husky"])
def test_by_odometry_every_decision_is_made_where_the_steps_lead(spec: RobotSpec, beside_m: float) -> None:
    start, pilot = (2.5, 2.0, 0.0), Told(*ROUND)
    robot = robot_in_a_room(start, spec, Noise())
    assert Driver(robot, pilot).run(len(ROUND)).cause is None
    robot.close()
    believed = np.array([(o.odometry.x, o.odometry.y, o.odometry.yaw) for o in pilot.shown])
    ideal = ideal_poses(ROUND, start)[:-1]
    np.testing.assert_allclose(believed[:, :2], ideal[:, :2], atol=beside_m)
    np.testing.assert_allclose(believed[:, 2], ideal[:, 2], atol=0.06)
    assert all(abs(o.odometry.twist.forward) < 0.02 for o in pilot.shown)
    assert all(o.frame.stamp_s <= o.odometry.stamp_s < o.frame.stamp_s + 0.11 for o in pilot.shown)


def test_the_policy_is_told_what_evaluation_tells_it() -> None:
    """The room's wall is 0.5 m ahead: the robot, 0.17 m wide, gets one step near and is blocked then."""
    actions = [FORWARD, FORWARD, LEFT, FORWARD]
    pilot, kept = Told(*actions), Kept()
    robot = robot_in_a_room((5.5, 2.0, 0.0))
    Driver(robot, pilot, [kept]).run(len(actions))
    executed = [decision.executed for decision in kept.decisions]
    assert executed == [True, False, True, False]

    class Collided:
        collided = ~np.array(executed[:-1])

    told = [observation.previous_action for observation in pilot.shown]
    assert told == [0, *previous_action(np.array(actions[:-1]), Collided())]  # type: ignore[arg-type]
    x, y, yaw = robot.true_pose
    assert (x, y) == pytest.approx((5.75, 2.0), abs=0.03)  # what was blocked was taken back
    assert yaw == pytest.approx(np.radians(15), abs=0.03)
    assert sum(state.contact_s for state in kept.states) > 0
    robot.close()


def test_a_velocity_is_held_for_a_fifth_of_a_second() -> None:
    pilot, kept = Told(Twist(0.2, 0.5)), Kept()
    robot = robot_in_a_room()
    Driver(robot, pilot, [kept]).run(20)
    turned, seconds = robot.true_pose[2], 20 * 0.2
    assert turned == pytest.approx(0.5 * seconds, abs=0.1)
    radius = 0.2 / 0.5
    assert robot.true_pose[1] - 2.0 == pytest.approx(radius * (1 - np.cos(turned)), abs=0.05)
    assert all(observation.previous_action == 0 for observation in pilot.shown)
    robot.close()


def test_a_velocity_into_a_wall_ends_at_the_wall() -> None:
    pilot, kept = Told(Twist(0.3, 0.0)), Kept()
    robot = robot_in_a_room((5.4, 2.0, 0.0))
    Driver(robot, pilot, [kept]).run(12)
    assert not kept.decisions[-1].executed
    assert pilot.shown[-1].blocked
    assert robot.true_pose[0] == pytest.approx(6.0 - 0.17, abs=0.02)
    robot.close()


def test_what_still_touches_after_a_step_was_taken_back_is_let_go_of() -> None:
    pilot, kept = Told(FORWARD), Kept()
    robot = robot_in_a_room((5.831, 2.0, 0.0))  # its edge is 1 mm inside the wall
    Driver(robot, pilot, [kept]).run(1)
    assert not kept.decisions[0].executed
    assert LET_GO in [state.command for state in kept.states]
    assert kept.states[-1].contact_s == 0
    assert robot.true_pose[0] == pytest.approx(5.82, abs=0.02)
    robot.close()
