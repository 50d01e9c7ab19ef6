"""What goes before what when a robot moves: TopoNav's prioritised objectives, as an ordered list of rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robonav.envs.navigation.steps import RIGHT
from robonav.planners.path_following import steer


@dataclass(frozen=True)
class HeadingOptions:
    """What a robot's next move is decided by; headings are in the frame of its map, radians.

    Attributes:
        yaw: Where it looks.
        shut: Headings in which a move would lead into something, by its map.
        blocked: Headings that did lead into something from where it stands.
        to_sub_goal: Where the known way to the sub-goal leads on; None without a sub-goal.
        to_goal: Where the known way to the goal leads on; None if no way to it is known yet.
        to_unknown: Where the known way to the nearest frontier leads on; None if there is none.
    """

    yaw: float
    shut: Sequence[float] = ()
    blocked: Sequence[float] = ()
    to_sub_goal: float | None = None
    to_goal: float | None = None
    to_unknown: float | None = None

    @property
    def wanted(self) -> float | None:
        """Where it would go if nothing were in the way."""
        headings = (self.to_sub_goal, self.to_goal, self.to_unknown)
        return next((heading for heading in headings if heading is not None), None)


# An action, or None to leave it to the next rule.
Priority = Callable[[HeadingOptions], int | None]


def avoid_collision(situation: HeadingOptions) -> int | None:
    """Turn to an open heading if the one that it would take leads into something that the map knows of."""
    wanted, blocked = situation.wanted, list(situation.blocked)
    if wanted is None:
        return None
    plain = steer(situation.yaw, wanted, blocked)
    safe = steer(situation.yaw, wanted, [*blocked, *situation.shut])
    return None if safe == plain else safe


def reach_sub_goal(situation: HeadingOptions) -> int | None:
    """Follow the way to the sub-goal, if there is one."""
    return _follow(situation, situation.to_sub_goal)


def reach_goal(situation: HeadingOptions) -> int | None:
    """Follow the way to the goal, if it is known."""
    return _follow(situation, situation.to_goal)


def explore(situation: HeadingOptions) -> int:
    """Go to the nearest frontier, or look around where there is none."""
    action = _follow(situation, situation.to_unknown)
    return RIGHT if action is None else action


PRIORITIES: tuple[Priority, ...] = (avoid_collision, reach_sub_goal, reach_goal, explore)
WITHOUT_GUARD = PRIORITIES[1:]


def decide(situation: HeadingOptions, priorities: Sequence[Priority]) -> tuple[int, Priority]:
    """The action of the first rule that answers, and that rule.

    Raises:
        ValueError: None of them answers.
    """
    for priority in priorities:
        action = priority(situation)
        if action is not None:
            return action, priority
    raise ValueError("no priority answered: let the last one be `explore`, which always does")


def _follow(situation: HeadingOptions, heading: float | None) -> int | None:
    return None if heading is None else steer(situation.yaw, heading, list(situation.blocked))
