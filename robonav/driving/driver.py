"""The loop that drives: look, decide, move, and stop whenever something is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from robonav.driving.pilots import Observation, Pilot
from robonav.driving.safety import SafetyStopError, check_age, check_command, is_black, no_effect
from robonav.driving.step_controller import StepController
from robonav.envs.navigation.steps import FORWARD
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
    """What is known of the robot after one control period.

    Attributes:
        stamp_s: Seconds on the robot's clock.
        odometry: Where it believes to be.
        command: What it was asked for.
        contact_s: For how long of the period its bumper touched something.
        frame: Its latest camera frame.
        is_new: The frame came during this period.
    """

    stamp_s: float
    odometry: Odometry
    command: Twist
    contact_s: float
    frame: CameraFrame | None
    is_new: bool


@dataclass(frozen=True)
class Choice:
    """A step or velocity that is to be carried out, and who chose it."""

    action: int | Twist
    by: By


@dataclass(frozen=True)
class Decision:
    """One decision and what came of it.

    Attributes:
        index: Its number, from 0.
        action: The step or velocity.
        executed: False where something was in the way, or someone stopped it.
        by: Who decided.
    """

    index: int
    action: int | Twist
    executed: bool
    by: By


class Teleoperator:
    """Someone who may take over from the pilot, and stop the robot at any state. This one never does."""

    def choose(self, proposed: int | Twist) -> Choice | None:
        """What is to be done instead of what the pilot proposes; None to let the robot stand and ask again.

        Raises:
            SafetyStopError: The drive must not go on.
        """
        return Choice(proposed, "pilot")

    def stops(self) -> bool:
        """Whether the robot has to stand still now: a step that it is in is taken back afterwards."""
        return False


class DriveObserver:
    """Looks on while a robot is driven: records, measures, draws. This one does nothing."""

    def tick(self, state: RobotState) -> None:
        """A control period has passed."""

    def decided(self, decision: Decision) -> None:
        """A decision was carried out, or was blocked; the robot is where that led."""

    def ended(self) -> None:
        """The drive is over, and the robot stands."""


@dataclass(frozen=True)
class Outcome:
    """How a drive ended.

    Attributes:
        decisions: How many were carried out or blocked.
        cause: Why it ended early; None where it did not.
    """

    decisions: int
    cause: str | None


class Driver:
    """Drives one robot. However a drive ends, the robot stands still afterwards.

    Args:
        robot: Simulated or real.
        pilot: Who decides.
        observers: Who looks on, in this order.
        teleoperator: Who may take over.
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
        self._previous, self._blocked = 0, False
        self._seen_s, self._stopped_s = -1.0, 0.0  # latest exposure, latest standstill
        self._asked, self._answer = STANDSTILL, robot.odometry()  # the latest command and what came of it

    def run(self, decisions: int, seed: int = 0) -> Outcome:
        """Let the pilot decide so many times, or until something is wrong or Ctrl-C is pressed."""
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
        proposed = self._pilot.decide(Observation(frame, here, self._previous, self._blocked))
        check_command(proposed)
        while (choice := self._teleoperator.choose(proposed)) is None:
            self._tick(STANDSTILL)
        action = choice.action
        executed = self._hold(action) if isinstance(action, Twist) else self._step(action)
        self._previous = action + 1 if executed and not isinstance(action, Twist) else 0
        self._blocked = not executed
        for observer in self._observers:
            observer.decided(Decision(self._decisions, action, executed, choice.by))
        self._decisions += 1

    def _step(self, action: int) -> bool:
        """Carry out one step, or go back to where it began; whether it was carried out."""
        self._controller.begin(action)
        # turning on the spot leads away from what it touches
        ended = returned = self._follow(wary=action == FORWARD)
        if ended == "arrived":
            self._controller.finish()
        else:
            self._controller.give_up()
            while (returned := self._follow(wary=False)) == "stopped":
                continue
            self._let_go()
        self._count_stall(action == FORWARD, "stalled" in (ended, returned))
        self._halt()
        return ended == "arrived"

    def _follow(self, wary: bool) -> str:
        """Ask for the controller's velocities until it has arrived, touches, stalls, or is stopped."""
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
        """Stand still for as long as the teleoperator wants; whether it was so."""
        stopped = self._teleoperator.stops()
        while self._teleoperator.stops():
            self._tick(STANDSTILL)
        return stopped

    def _let_go(self) -> None:
        """Back off from what still touches after a step was taken back: the wheels may have slipped there."""
        until = self._robot.now() + LET_GO_S
        while self._robot.contact_s() > 0 and self._robot.now() < until and not self._stood():
            self._tick(LET_GO)

    def _count_stall(self, ahead: bool, stalled: bool) -> None:
        """With one wheel stuck a robot still turns, so a turn that arrives says nothing of steps ahead."""
        self._stalls[ahead] = self._stalls[ahead] + 1 if stalled else 0
        if self._stalls[ahead] >= MAX_STALLS:
            raise no_effect(self._asked, self._answer)

    def _hold(self, twist: Twist) -> bool:
        """Hold a velocity until it is time for the next one; whether nothing was touched or stopped it."""
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
        """A frame that was taken after the robot stopped, and that shows something."""
        began = self._robot.now()
        while True:
            frame = self._robot.frame()
            if frame is not None and frame.stamp_s >= self._stopped_s and not is_black(frame):
                return frame
            if frame is not None and is_black(frame) and self._robot.now() - began > BLACK_TIMEOUT_S:
                raise SafetyStopError("the camera's frames are black: check lens, light and exposure")
            self._tick(STANDSTILL)

    def _halt(self) -> None:
        """Wait until the odometry says that the robot stands still."""
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
        """Stop the robot without looking at anything else."""
        try:
            for _ in range(round(_BRAKE_S / self._robot.period_s)):
                self._robot.cmd_vel(STANDSTILL)
                self._robot.tick()
        except RobotError:
            return  # it is told to stop all the same, and the cause of the end is known already
