"""A person takes over from the pilot, step by step, and hands back; whoever drives, the safety stops hold."""

from __future__ import annotations

import threading
import time

from robonav.driving.driver import Choice, DriveObserver, RobotState, Teleoperator
from robonav.driving.safety import SafetyStopError
from robonav.envs.robots.robot import Twist

ABANDONED_S = 30.0  # by the wall clock; nobody can steer any more, and a run must not wait for ever
_LATE_S = 0.2  # a drive that is later than this does not try to catch up


class Teleoperation(Teleoperator):
    """What people ask for, from any thread; the driver sees it within one control period.

    A person steers in the steps of the pilot, so what the pilot remembers of its way stays true. The pilot
    goes on being asked and told, and is not obeyed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_person, self._stopped = False, False
        self._wanted: int | None = None
        self._onlookers, self._left_s = 0, 0.0

    @property
    def by_person(self) -> bool:
        """Whether a person drives."""
        return self._by_person

    def take_over(self) -> None:
        """A person drives from the next step on."""
        with self._lock:
            self._by_person = True

    def steer(self, action: int) -> None:
        """Take over, with this as the next step."""
        with self._lock:
            self._by_person, self._stopped, self._wanted = True, False, action

    def stop(self) -> None:
        """Take over, and stand still at once, until someone steers or hands back."""
        with self._lock:
            self._by_person, self._stopped, self._wanted = True, True, None

    def hand_back(self) -> None:
        """The pilot drives again."""
        with self._lock:
            self._by_person, self._stopped, self._wanted = False, False, None

    def joined(self) -> None:
        """One more can steer."""
        with self._lock:
            self._onlookers += 1

    def left(self) -> None:
        """One less can."""
        with self._lock:
            self._onlookers -= 1
            self._left_s = time.monotonic()

    def choose(self, proposed: int | Twist) -> Choice | None:
        """What the pilot proposes, or the person's next step; None while a person thinks.

        Raises:
            SafetyStopError: A person took over, and all browsers have been gone for 30 s.
        """
        with self._lock:
            if not self._by_person:
                return Choice(proposed, "pilot")
            self._check_onlookers()
            wanted, self._wanted = self._wanted, None
            return None if wanted is None else Choice(wanted, "person")

    def stops(self) -> bool:
        """Whether a person wants the robot to stand still now.

        Raises:
            SafetyStopError: As `choose`.
        """
        with self._lock:
            if self._stopped:
                self._check_onlookers()
            return self._stopped

    def _check_onlookers(self) -> None:
        gone_s = time.monotonic() - self._left_s
        if self._onlookers == 0 and gone_s > ABANDONED_S:
            raise SafetyStopError(
                f"a person was driving, and no browser has been connected for {gone_s:.0f} s: the robot "
                "does not go on by itself"
            )


class Pace(DriveObserver):
    """Lets a simulated robot's clock run no faster than the wall's: always, or while a person drives.

    Args:
        teleoperation: Who drives.
        always: Also while the pilot does.
    """

    def __init__(self, teleoperation: Teleoperation, always: bool) -> None:
        self._teleoperation, self._always = teleoperation, always
        self._offset_s = 0.0  # of the wall's clock to the robot's

    def tick(self, state: RobotState) -> None:
        """Wait until it is time."""
        ahead_s = state.stamp_s + self._offset_s - time.monotonic()
        if not (self._always or self._teleoperation.by_person) or not -_LATE_S <= ahead_s <= _LATE_S:
            self._offset_s = time.monotonic() - state.stamp_s
        elif ahead_s > 0:
            time.sleep(ahead_s)
