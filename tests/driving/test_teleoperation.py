"""A person takes over, steers in steps, stops the robot at once and hands back; the safety stops hold."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from robonav.driving import teleoperation
from robonav.driving.driver import DriveObserver, Driver, Outcome, RobotState
from robonav.driving.teleoperation import Pace, Teleoperation
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.robots.robot import Odometry, Twist
from tests.driving.robots import Kept, Told, robot_in_a_room

pytestmark = pytest.mark.usefixtures("engine")

OVERSHOOT_RAD = 0.05  # a turn counts as done where it passes its heading; the next step mends the rest


class Script(DriveObserver):
    """Does things when the robot's clock reaches a time, as a person at a browser would."""

    def __init__(self, *acts: tuple[float, Callable[[], None]]) -> None:
        self._acts = list(acts)

    def tick(self, state: RobotState) -> None:
        while self._acts and state.stamp_s >= self._acts[0][0]:
            self._acts.pop(0)[1]()


def drive(
    pilot: Told, people: Teleoperation, script: Script, decisions: int, start: tuple[float, float, float]
) -> tuple[Outcome, Kept, tuple[float, float, float]]:
    robot, kept = robot_in_a_room(start), Kept()
    outcome = Driver(robot, pilot, [kept, script], people).run(decisions)
    pose = robot.true_pose
    assert abs(robot.odometry().twist.forward) < 0.01  # however it ended, it stands
    robot.close()
    return outcome, kept, pose


def test_a_person_steers_in_the_pilots_steps_and_hands_back() -> None:
    """And the pilot goes on being asked, and is told what the person did, as if it had been its own step."""
    people, pilot = Teleoperation(), Told(FORWARD)
    people.joined()
    script = Script(
        (0.05, people.take_over),
        (1.0, lambda: people.steer(LEFT)),
        (3.0, lambda: people.steer(LEFT)),
        (5.0, people.hand_back),
    )
    outcome, kept, (x, y, yaw) = drive(pilot, people, script, 3, (2.0, 2.0, 0.0))
    assert outcome.cause is None
    told = [(decision.action, decision.by) for decision in kept.decisions]
    assert told == [(LEFT, "person"), (LEFT, "person"), (FORWARD, "pilot")]
    assert [observation.previous_action for observation in pilot.shown] == [0, LEFT + 1, LEFT + 1]
    assert yaw == pytest.approx(np.radians(30), abs=0.03)
    assert (x - 2.0, y - 2.0) == pytest.approx((0.25 * np.cos(yaw), 0.25 * np.sin(yaw)), abs=0.03)
    waiting = [state for state in kept.states if 0.3 < state.stamp_s < 1.0]
    assert all(abs(state.odometry.twist.forward) < 0.01 for state in waiting)


def test_stop_brakes_within_a_step_and_takes_it_back() -> None:
    people, pilot = Teleoperation(), Told(FORWARD, RIGHT)
    people.joined()
    script = Script((0.7, people.stop), (4.0, people.hand_back))
    outcome, kept, (x, y, yaw) = drive(pilot, people, script, 2, (2.0, 2.0, 0.0))
    assert outcome.cause is None
    speeds = {round(m.stamp_s, 2): m.odometry.twist.forward for m in kept.states}
    assert speeds[0.65] > 0.1  # it was on its way
    assert all(abs(speed) < 0.01 for stamp, speed in speeds.items() if 1.3 < stamp < 4.0)
    assert [(d.executed, d.by) for d in kept.decisions] == [(False, "pilot"), (True, "pilot")]
    assert pilot.shown[1].blocked
    assert pilot.shown[1].previous_action == 0
    assert (x, y) == pytest.approx((2.0, 2.0), abs=0.02)
    assert yaw == pytest.approx(-np.radians(15), abs=OVERSHOOT_RAD)


def test_stop_works_on_the_way_back_too_and_when_a_person_steers() -> None:
    people, pilot = Teleoperation(), Told(FORWARD)
    people.joined()
    script = Script(
        (0.7, people.stop),
        (3.0, lambda: people.steer(LEFT)),  # first the step is taken back
        (3.2, people.stop),
        (6.0, lambda: people.steer(LEFT)),
        (9.0, people.hand_back),
    )
    _, kept, (x, y, yaw) = drive(pilot, people, script, 2, (2.0, 2.0, 0.0))
    still = [abs(m.odometry.twist.forward) for m in kept.states if 3.9 < m.stamp_s < 6.0]
    assert max(still) < 0.01
    assert [(d.action, d.executed, d.by) for d in kept.decisions] == [
        (FORWARD, False, "pilot"),
        (LEFT, True, "person"),
    ]
    assert (x, y) == pytest.approx((2.0, 2.0), abs=0.02)
    assert yaw == pytest.approx(np.radians(15), abs=OVERSHOOT_RAD)


def test_stop_holds_a_velocity_too() -> None:
    people = Teleoperation()
    people.joined()
    script = Script((1.0, people.stop), (3.0, people.hand_back))
    _, kept, (x, _, _) = drive(Told(Twist(0.3, 0.0)), people, script, 8, (2.0, 2.0, 0.0))
    assert max(abs(m.odometry.twist.forward) for m in kept.states if 1.6 < m.stamp_s < 3.0) < 0.01
    assert [d.executed for d in kept.decisions].count(False) == 1
    assert x > 2.1


def test_the_bumper_stops_a_person_as_it_does_a_pilot() -> None:
    people, pilot = Teleoperation(), Told(LEFT)
    people.joined()
    script = Script((0.05, lambda: people.steer(FORWARD)), (8.0, people.hand_back))
    _, kept, (x, _, _) = drive(pilot, people, script, 2, (5.75, 2.0, 0.0))
    assert kept.decisions[0].by == "person"
    assert not kept.decisions[0].executed
    assert x == pytest.approx(5.75, abs=0.04)


@pytest.mark.parametrize("asked", ["take_over", "stop"])
def test_a_browser_that_leaves_while_a_person_drives(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The robot stands, and after a while the drive ends: it never goes on by itself."""
    monkeypatch.setattr(teleoperation, "ABANDONED_S", 0.2)
    people, pilot = Teleoperation(), Told(FORWARD)
    people.joined()
    script = Script((0.5, getattr(people, asked)), (0.55, people.left))
    outcome, _, _ = drive(pilot, people, script, 20, (2.0, 2.0, 0.0))
    assert outcome.cause is not None
    assert "no browser has been connected for 0 s" in outcome.cause
    assert outcome.decisions <= 1


def test_a_browser_that_leaves_while_the_pilot_drives_changes_nothing() -> None:
    people = Teleoperation()
    people.joined()
    outcome, _, _ = drive(Told(FORWARD), people, Script((0.5, people.left)), 3, (2.0, 2.0, 0.0))
    assert outcome.cause is None


def test_people_drive_in_real_time_and_pilots_if_it_is_wanted() -> None:
    people = Teleoperation()

    def seconds(pace: Pace) -> float:
        began = time.monotonic()
        for k in range(7):
            pace.tick(RobotState(0.05 * k, Odometry(0.05 * k, 0.0, 0.0, 0.0), Twist(), 0.0, None, False))
        return time.monotonic() - began

    assert seconds(Pace(people, always=False)) < 0.25
    assert 0.29 <= seconds(Pace(people, always=True)) < 5.0
    people.take_over()
    assert 0.29 <= seconds(Pace(people, always=False)) < 5.0
