"""The driving loop: look, decide, move, and stop when something is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from robonav.driving.arc import Action, Arc
from robonav.driving.pilots import Observation, Pilot
from robonav.driving.safety import SafetyStopError, check_age, check_command, is_black, no_effect
from robonav.driving.step_controller import StepController
from robonav.envs.robots.robot import STANDSTILL, CameraFrame, Odometry, Robot, RobotError, Twist
from robonav.errors import UsageError

VELOCITY_S = 0.2  # for how long a velocity is held before the pilot decides again
STEP_TIMEOUT_S = 6.0
BLACK_TIMEOUT_S = 2.0
MAX_STALLS = 2  # steps ahead, or turns, in a row that neither arrive nor touch anything
STILL = Twist(0.01, 0.03)
LET_GO, LET_GO_S = Twist(-0.1, 0.0), 1.0
_BRAKE_S = 1.0
INTERRUPTED = "stopped by Ctrl-C"
By = Literal["pilot", "person"]


@dataclass(frozen=True, eq=False)
class RobotState:
    """Measurements of the robot after one control period.

    Attributes:
        stamp_s: Seconds on the robot's clock.
        odometry: Measured pose and speed.
        command: Commanded velocity.
        contact_s: Time of the period in which the bumper was touched, seconds.
        frame: Latest camera frame.
        is_new: Whether the frame came during this period.
    """

    stamp_s: float
    odometry: Odometry
    command: Twist
    contact_s: float
    frame: CameraFrame | None
    is_new: bool


@dataclass(frozen=True)
class Choice:
    """A step, arc or velocity to carry out, and whether the pilot or a person chose it."""

    action: Action
    by: By


@dataclass(frozen=True)
class Decision:
    """One decision and its outcome.

    Attributes:
        index: Its number, from 0.
        action: The step, arc or velocity.
        executed: False where contact or a person stopped it.
        by: Whether the pilot or a person decided.
    """

    index: int
    action: Action
    executed: bool
    by: By


class Teleoperator:
    """A person who may take over from the pilot, or stop the robot; this base class never does."""

    def choose(self, proposed: Action) -> Choice | None:
        """The action instead of the pilot's proposal; None keeps the robot still until the next call.

        Raises:
            SafetyStopError: The drive must not go on.
        """
        return Choice(proposed, "pilot")

    def stops(self) -> bool:
        """Whether the robot has to stand still now; the driver takes the current step back afterwards."""
        return False


class DriveObserver:
    """Is called while a robot drives: records, measures or draws. This base class does nothing."""

    def tick(self, state: RobotState) -> None:
        """Called after every control period."""

    def decided(self, decision: Decision) -> None:
        """Called after a decision was carried out, or was blocked."""

    def ended(self) -> None:
        """Called once the drive is over and the robot stands."""


@dataclass(frozen=True)
class Outcome:
    """Length of a drive and the reason for its end.

    Attributes:
        decisions: Number of decisions, blocked ones included.
        cause: Reason for an early end; None at a planned end.
    """

    decisions: int
    cause: str | None


class Driver:
    """Drives one robot; however the drive ends, the robot stands still afterwards.

    Args:
        robot: A simulated or a real robot.
        pilot: Decides the actions.
        observers: Called in this order.
        teleoperator: May take over.
    """

    def __init__(
        self,
        robot: Robot,
        pilot: Pilot,
        observers: Sequence[DriveObserver] = (),
        teleoperator: Teleoperator | None = None,
    ) -> None:
        self._robot, self._pilot, self._observers = robot, pilot, observers
        self._teleoperator = teleoperator or Teleoperator()
        self._controller = StepController(robot.odometry(), robot.limits, robot.acceleration)
        self._decisions, self._stalls = 0, {True: 0, False: 0}  # of steps ahead, and of turns
        self._carried_out: Action | None = None
        self._blocked = False
        self._seen_s, self._stopped_s = -1.0, 0.0  # latest exposure, latest standstill
        self._asked, self._answer = STANDSTILL, robot.odometry()  # the latest command and what came of it

    def run(self, decisions: int, seed: int = 0) -> Outcome:
        """Drive for a number of decisions, or until something is wrong or Ctrl-C is pressed."""
        cause = None
        try:
            self._pilot.reset(seed)
            self._halt()
            self._controller.restart(self._robot.odometry())
            while self._decisions < decisions:
                self._decide()
        except KeyboardInterrupt:
            cause = INTERRUPTED
        except (UsageError, RobotError) as error:
            cause = str(error)
        finally:
            self._brake()
        for observer in self._observers:
            observer.ended()
        return Outcome(self._decisions, cause)

    def _decide(self) -> None:
        frame = self._look()
        here = self._robot.odometry()
        proposed = self._pilot.decide(Observation(frame, here, self._carried_out, self._blocked))
        check_command(proposed)
        while (choice := self._teleoperator.choose(proposed)) is None:
            self._tick(STANDSTILL)
        action = choice.action
        executed = self._hold(action) if isinstance(action, Twist) else self._follow_arc(Arc.of(action))
        self._carried_out = action if executed else None
        self._blocked = not executed
        for observer in self._observers:
            observer.decided(Decision(self._decisions, action, executed, choice.by))
        self._decisions += 1

    def _follow_arc(self, arc: Arc) -> bool:
        """Carry out a step or an arc, or go back to where it began; returns whether it was carried out."""
        self._controller.begin(arc)
        # turning on the spot leads away from a contact
        ended = returned = self._follow(wary=arc.moves)
        if ended == "arrived":
            self._controller.finish()
        else:
            self._controller.give_up()
            while (returned := self._follow(wary=False)) == "stopped":
                continue
            self._let_go()
        self._count_stall(arc.moves, "stalled" in (ended, returned))
        self._halt()
        return ended == "arrived"

    def _follow(self, wary: bool) -> str:
        """Command the controller's velocities until the robot arrives, touches, stalls, or is stopped."""
        deadline = self._robot.now() + STEP_TIMEOUT_S
        while (twist := self._controller.twist(self._robot.odometry())) is not None:
            if self._stood():
                return "stopped"
            if self._robot.now() > deadline:
                return "stalled"
            self._tick(twist)
            if wary and self._robot.contact_s() > 0:
                return "touched"
            self._asked, self._answer = twist, self._robot.odometry()
        return "arrived"

    def _stood(self) -> bool:
        """Stand still for as long as the teleoperator wants; returns whether it did."""
        stopped = self._teleoperator.stops()
        while self._teleoperator.stops():
            self._tick(STANDSTILL)
        return stopped

    def _let_go(self) -> None:
        """Back off from a contact that remains after a step was taken back: the wheels may have slipped."""
        until = self._robot.now() + LET_GO_S
        while self._robot.contact_s() > 0 and self._robot.now() < until and not self._stood():
            self._tick(LET_GO)

    def _count_stall(self, ahead: bool, stalled: bool) -> None:
        """Count stalls of moves and of turns apart: with one wheel stuck a robot still turns."""
        self._stalls[ahead] = self._stalls[ahead] + 1 if stalled else 0
        if self._stalls[ahead] >= MAX_STALLS:
            raise no_effect(self._asked, self._answer)

    def _hold(self, twist: Twist) -> bool:
        """Hold a velocity for its period; returns whether no contact and no person stopped it."""
        until = self._robot.now() + VELOCITY_S - 0.5 * self._robot.period_s
        broken_off = False
        while self._robot.now() < until and not broken_off:
            self._tick(twist)
            broken_off = self._robot.contact_s() > 0 or self._stood()
        if broken_off:
            self._halt()
        self._controller.restart(self._robot.odometry())
        return not broken_off

    def _look(self) -> CameraFrame:
        """The first frame that was exposed after the robot stopped and is not black."""
        began = self._robot.now()
        while True:
            frame = self._robot.frame()
            if frame is not None and frame.stamp_s >= self._stopped_s and not is_black(frame):
                return frame
            if frame is not None and is_black(frame) and self._robot.now() - began > BLACK_TIMEOUT_S:
                raise SafetyStopError("the camera's frames are black: check lens, light and exposure")
            self._tick(STANDSTILL)

    def _halt(self) -> None:
        """Wait until the odometry reports standstill."""
        deadline = self._robot.now() + STEP_TIMEOUT_S
        while True:
            self._tick(STANDSTILL)
            speed = self._robot.odometry().twist
            if abs(speed.forward) < STILL.forward and abs(speed.turn) < STILL.turn:
                self._stopped_s = self._robot.now()
                return
            if self._robot.now() > deadline:
                raise no_effect(STANDSTILL, self._robot.odometry())

    def _tick(self, twist: Twist) -> None:
        self._robot.cmd_vel(twist)
        self._robot.tick()
        frame, now = self._robot.frame(), self._robot.now()
        check_age(frame, now)
        is_new = frame is not None and frame.stamp_s > self._seen_s
        if frame is not None:
            self._seen_s = frame.stamp_s
        state = RobotState(now, self._robot.odometry(), twist, self._robot.contact_s(), frame, is_new)
        for observer in self._observers:
            observer.tick(state)

    def _brake(self) -> None:
        """Stop the robot, whatever the sensors say."""
        try:
            for _ in range(round(_BRAKE_S / self._robot.period_s)):
                self._robot.cmd_vel(STANDSTILL)
                self._robot.tick()
        except RobotError:
            return  # the stop command is sent, and the cause of the end is known already
