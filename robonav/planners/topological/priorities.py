"""TopoNav's prioritised objectives as an ordered list of rules; the first that returns an action wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robonav.envs.navigation.steps import RIGHT
from robonav.planners.path_following import steer


@dataclass(frozen=True)
class HeadingOptions:
    """Headings that decide the next action, in the frame of the robot's map, radians.

    Attributes:
        yaw: Heading of the robot.
        shut: Headings in which a move would collide, by the map.
        blocked: Headings in which a move from here did collide.
        to_sub_goal: Heading of the path to the sub-goal; None without a sub-goal.
        to_goal: Heading of the path to the goal; None if no path is known yet.
        to_unknown: Heading of the path to the nearest frontier; None if there is none.
    """

    yaw: float
    shut: Sequence[float] = ()
    blocked: Sequence[float] = ()
    to_sub_goal: float | None = None
    to_goal: float | None = None
    to_unknown: float | None = None

    @property
    def wanted(self) -> float | None:
        """Heading of the first path that exists, obstacles left aside."""
        headings = (self.to_sub_goal, self.to_goal, self.to_unknown)
        return next((heading for heading in headings if heading is not None), None)


# Returns an action, or None to leave it to the next rule.
Priority = Callable[[HeadingOptions], int | None]


def avoid_collision(situation: HeadingOptions) -> int | None:
    """Turn to an open heading if the wanted one would collide, by the map."""
    wanted, blocked = situation.wanted, list(situation.blocked)
    if wanted is None:
        return None
    plain = steer(situation.yaw, wanted, blocked)
    safe = steer(situation.yaw, wanted, [*blocked, *situation.shut])
    return None if safe == plain else safe


def reach_sub_goal(situation: HeadingOptions) -> int | None:
    """Follow the path to the sub-goal, if there is one."""
    return _follow(situation, situation.to_sub_goal)


def reach_goal(situation: HeadingOptions) -> int | None:
    """Follow the path to the goal, if it is known."""
    return _follow(situation, situation.to_goal)


def explore(situation: HeadingOptions) -> int:
    """Follow the path to the nearest frontier, or turn where there is none."""
    action = _follow(situation, situation.to_unknown)
    return RIGHT if action is None else action


PRIORITIES: tuple[Priority, ...] = (avoid_collision, reach_sub_goal, reach_goal, explore)
WITHOUT_GUARD = PRIORITIES[1:]


def decide(situation: HeadingOptions, priorities: Sequence[Priority]) -> tuple[int, Priority]:
    """The action of the first rule that returns one, and that rule.

    Raises:
        ValueError: No rule returns an action.
    """
    for priority in priorities:
        action = priority(situation)
        if action is not None:
            return action, priority
    raise ValueError("no priority answered: let the last one be `explore`, which always does")


def _follow(situation: HeadingOptions, heading: float | None) -> int | None:
    return None if heading is None else steer(situation.yaw, heading, list(situation.blocked))
