# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, no-untyped-def, misc"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Kernel of local planners: how a vehicle would move under many commands, and what it would come near to."""

# Warp's dialect: `int(0)` declares a variable that a loop may change.

from __future__ import annotations

import warp as wp

from robonav.envs.warehouse.kernels import DECISION_S, Limits, advanced, approach, box_distance
from robonav.planners.hybrid_astar_kernels import Surroundings, room

wp.set_module_options({"enable_backward": False})
_DT = wp.constant(DECISION_S)


@wp.struct
class Others:
    """Boxes (M,) that are expected to go on as they do now.

    Attributes:
        pose: x, y, yaw now.
        half: Half length and half width.
        velocity: Metres per second.
        comfort: Clearance from them beyond which it does not matter.
    """

    pose: wp.array(dtype=wp.vec3)
    half: wp.array(dtype=wp.vec2)
    velocity: wp.array(dtype=wp.vec2)
    comfort: wp.float32


@wp.func
def room_to_others(around: Surroundings, others: Others, seconds: float, pose: wp.vec3):
    """Clearance between the footprint and the boxes so many seconds from now, at most `comfort`."""
    least = float(others.comfort)
    c = wp.cos(pose[2])
    s = wp.sin(pose[2])
    for m in range(others.pose.shape[0]):
        now = others.pose[m]
        went = others.velocity[m] * seconds
        box = wp.vec3(now[0] + went[0], now[1] + went[1], now[2])
        centre = wp.vec2(pose[0], pose[1])
        inside = box_distance(box, others.half[m], centre)
        if inside - around.radius < others.comfort:
            least = wp.min(least, inside)
            for p in range(around.outline.shape[0]):
                own = around.outline[p]
                at = centre + wp.vec2(c * own[0] - s * own[1], s * own[0] + c * own[1])
                least = wp.min(least, box_distance(box, others.half[m], at))
    return least


@wp.kernel
def roll_out(
    around: Surroundings,
    others: Others,
    limits: Limits,
    start: wp.vec3,
    twist: wp.vec2,
    pending: wp.vec2,
    commands: wp.array(dtype=wp.vec2),
    held: int,
    steps: int,
    held_to: wp.array(dtype=wp.vec3),
    room_left: wp.array(dtype=wp.vec2),
):
    """Hold each command (K,) for `held` decisions and brake in the rest of `steps`, as the simulation would.

    Writes the pose after the command was held, and the least clearance to the hall and to the others.
    """
    k = wp.tid()
    pose = start
    speed = float(twist[0])
    side = float(twist[1])
    least = wp.vec2(around.comfort, others.comfort)
    for t in range(steps):
        target = commands[k]
        if t == 0:
            target = pending  # commands act one decision later
        elif t > held:
            target = wp.vec2(0.0, wp.where(limits.tricycle == 1, target[1], 0.0))
        speed = approach(speed, target[0], limits.max_acceleration * _DT)
        side = approach(side, target[1], limits.max_side_rate * _DT)
        turn = float(side)
        if limits.tricycle == 1:
            turn = speed * wp.tan(side) / limits.wheelbase
        pose = advanced(pose, speed, turn, _DT)
        if t == held:
            held_to[k] = pose
        seconds = float(t + 1) * _DT
        least = wp.vec2(
            wp.min(least[0], room(around, pose)),
            wp.min(least[1], room_to_others(around, others, seconds, pose)),
        )
    room_left[k] = least
