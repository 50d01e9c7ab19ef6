"""Teleoperation: a person takes over from the pilot, steers step by step, and hands back."""

from __future__ import annotations

import threading
import time

from robonav.driving.arc import Action
from robonav.driving.driver import Choice, DriveObserver, RobotState, Teleoperator
from robonav.driving.safety import SafetyStopError

ABANDONED_S = 30.0  # by the wall clock, without any browser: a run must not wait for ever
_LATE_S = 0.2  # a drive that is later than this does not try to catch up


class Teleoperation(Teleoperator):
    """Commands of people, from any thread; the driver reads them within one control period.

    A person steers in steps of 0.25 m and 15°, so the pilot's memory of its path stays right. The pilot still
    decides and observes, but its decisions are not carried out.
    The safety stops hold as always.
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
        """Let a person drive from the next step on."""
        with self._lock:
            self._by_person = True

    def steer(self, action: int) -> None:
        """Take over with this next step."""
        with self._lock:
            self._by_person, self._stopped, self._wanted = True, False, action

    def stop(self) -> None:
        """Take over and stand still at once, until a person steers or hands back."""
        with self._lock:
            self._by_person, self._stopped, self._wanted = True, True, None

    def hand_back(self) -> None:
        """Let the pilot drive again."""
        with self._lock:
            self._by_person, self._stopped, self._wanted = False, False, None

    def joined(self) -> None:
        """Count a browser that joined."""
        with self._lock:
            self._onlookers += 1

    def left(self) -> None:
        """Count a browser that left."""
        with self._lock:
            self._onlookers -= 1
            self._left_s = time.monotonic()

    def choose(self, proposed: Action) -> Choice | None:
        """The pilot's proposal, or the person's next step; None while a person has given none.

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
    """Slows a simulated robot down to real time: always, or while a person drives.

    Args:
        teleoperation: Says whether a person drives.
        always: Whether it also slows the pilot down.
    """

    def __init__(self, teleoperation: Teleoperation, always: bool) -> None:
        self._teleoperation, self._always = teleoperation, always
        self._offset_s = 0.0  # of the wall's clock to the robot's

    def tick(self, state: RobotState) -> None:
        """Wait until the wall clock has caught up."""
        ahead_s = state.stamp_s + self._offset_s - time.monotonic()
        if not (self._always or self._teleoperation.by_person) or not -_LATE_S <= ahead_s <= _LATE_S:
            self._offset_s = time.monotonic() - state.stamp_s
        elif ahead_s > 0:
            time.sleep(ahead_s)
