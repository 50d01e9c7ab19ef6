# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, no-untyped-def, misc"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Kernel of hybrid A* (Dolgov et al. 2010): one thread searches x, y and heading by a vehicle's moves."""

# Warp's dialect: `int(0)` declares a variable that a loop may change.
# ruff: noqa: UP018, RUF046

from __future__ import annotations

import warp as wp

from robonav.envs.warehouse.kernels import advanced, distance_at

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})

HEADINGS = wp.constant(72)
COARSE_M = wp.constant(0.1)  # edge of the cells of which one pose is kept for each heading
_NONE = wp.constant(-1)


@wp.struct
class Surroundings:
    """A hall, and the footprint that has to fit.

    Attributes:
        body: (1, X, Y) distances that the footprint keeps, cells of 0.05 m, within a ring of blocked ones.
        corner: World x, y of its lower left corner.
        left: (X', Y') metres left to the goal, cells of 0.1 m.
        origin: World x, y of its lower left corner.
        outline: (P,) points around the footprint, in the vehicle's frame.
        spacing: Largest distance between two of them.
        radius: Of the circle around the reference point that holds all of them.
        keep: Clearance below which a pose is refused.
        comfort: Clearance below which metres cost more.
        nearness: By how much more at contact.
    """

    body: wp.array3d(dtype=wp.float32)
    corner: wp.vec2
    left: wp.array2d(dtype=wp.float32)
    origin: wp.vec2
    outline: wp.array(dtype=wp.vec2)
    spacing: wp.float32
    radius: wp.float32
    keep: wp.float32
    comfort: wp.float32
    nearness: wp.float32


@wp.struct
class Moves:
    """Motion primitives (M,): arcs, and turns on the spot.

    Attributes:
        step: Metres and radians of each small step of a move.
        steps: Number of steps.
        cost: Of the whole move, metres.
        gear: 1 forward, -1 backward, 0 on the spot.
        steering: Of a tricycle, radians.
        gear_change: Cost of going the other way, metres.
        steering_change: Cost of each radian of steering.
    """

    step: wp.array(dtype=wp.vec2)
    steps: wp.array(dtype=wp.int32)
    cost: wp.array(dtype=wp.float32)
    gear: wp.array(dtype=wp.int32)
    steering: wp.array(dtype=wp.float32)
    gear_change: wp.float32
    steering_change: wp.float32


@wp.struct
class SearchMemory:
    """Nodes of the search, the best one of each cell and heading, and the queue.

    Attributes:
        best: (X', Y', HEADINGS) node, or -1.
        pose, cost, before, move, steps: (K,) of nodes: x, y, yaw; metres that count; the node before, the
            move from there, and how many of its steps.
        key, node: (K,) binary heap.
        count: (5,) nodes, waiting ones, expanded ones, best node at the goal or -1, 1 = memory was too small.
    """

    best: wp.array3d(dtype=wp.int32)
    pose: wp.array(dtype=wp.vec3)
    cost: wp.array(dtype=wp.float32)
    before: wp.array(dtype=wp.int32)
    move: wp.array(dtype=wp.int32)
    steps: wp.array(dtype=wp.int32)
    key: wp.array(dtype=wp.float32)
    node: wp.array(dtype=wp.int32)
    count: wp.array(dtype=wp.int32)


@wp.func
def room(around: Surroundings, pose: wp.vec3):
    """Clearance of the footprint, exact between `keep` and `comfort`."""
    centre = wp.vec2(pose[0], pose[1]) - around.corner
    if distance_at(around.body, 0, centre) - around.radius >= around.comfort:
        return around.comfort
    c = wp.cos(pose[2])
    s = wp.sin(pose[2])
    least = float(around.comfort)
    p = int(0)
    while p < around.outline.shape[0] and least >= around.keep:
        own = around.outline[p]
        at = centre + wp.vec2(c * own[0] - s * own[1], s * own[0] + c * own[1])
        away = distance_at(around.body, 0, at)
        least = wp.min(least, away)
        p += wp.max(1, int((away - around.comfort) / around.spacing))  # the next ones cannot be nearer
    return least


@wp.func
def cell_of(around: Surroundings, pose: wp.vec3):
    """Cell and heading of a pose."""
    turn = wp.floor(pose[2] * float(HEADINGS) / (2.0 * wp.pi) + 0.5)
    heading = int(turn) % HEADINGS
    if heading < 0:
        heading += HEADINGS
    i = int((pose[0] - around.origin[0]) / COARSE_M)
    j = int((pose[1] - around.origin[1]) / COARSE_M)
    return wp.vec3i(
        wp.clamp(i, 0, around.left.shape[0] - 1), wp.clamp(j, 0, around.left.shape[1] - 1), heading
    )


@wp.func
def driven(around: Surroundings, moves: Moves, move: int, start: wp.vec3, goal: wp.vec2, reach: float):
    """Where a move ends, after how many steps (0 = blocked), its least clearance, and if at the goal."""
    pose = start
    least = float(around.comfort)
    step = moves.step[move]
    for k in range(moves.steps[move]):
        pose = advanced(pose, step[0], step[1], 1.0)
        least = wp.min(least, room(around, pose))
        if least < around.keep:
            return pose, 0, least, 0
        if step[0] != 0.0 and wp.length(goal - wp.vec2(pose[0], pose[1])) <= reach:
            return pose, k + 1, least, 1
    return pose, moves.steps[move], least, 0


@wp.func
def price(
    around: Surroundings, moves: Moves, move: int, steps: int, least: float, last: int, steering: float
):
    """Metres that a move counts as, after another one (-1 = none)."""
    share = float(steps) / float(moves.steps[move])
    nearness = around.nearness * (1.0 - least / around.comfort)
    cost = moves.cost[move] * share * (1.0 + nearness)
    was = float(steering)
    if last != _NONE:
        was = moves.steering[last]
        if moves.gear[last] != moves.gear[move] and moves.gear[last] != 0 and moves.gear[move] != 0:
            cost += moves.gear_change
    return cost + moves.steering_change * wp.abs(moves.steering[move] - was)


@wp.func
def push(memory: SearchMemory, key: float, node: int):
    """Put a node into the queue."""
    i = int(memory.count[1])
    memory.count[1] = i + 1
    while i > 0 and memory.key[(i - 1) // 2] > key:
        memory.key[i] = memory.key[(i - 1) // 2]
        memory.node[i] = memory.node[(i - 1) // 2]
        i = (i - 1) // 2
    memory.key[i] = key
    memory.node[i] = node


@wp.func
def drop_first(memory: SearchMemory):
    """Take the first node out of the queue."""
    size = memory.count[1] - 1
    memory.count[1] = size
    key = memory.key[size]
    node = memory.node[size]
    i = int(0)
    child = int(1)
    while child < size:
        if child + 1 < size and memory.key[child + 1] < memory.key[child]:
            child += 1
        if memory.key[child] >= key:
            break
        memory.key[i] = memory.key[child]
        memory.node[i] = memory.node[child]
        i = child
        child = 2 * i + 1
    memory.key[i] = key
    memory.node[i] = node


@wp.func
def add(memory: SearchMemory, pose: wp.vec3, cost: float, before: int, move: int, steps: int):
    """A new node."""
    node = memory.count[0]
    memory.count[0] = node + 1
    memory.pose[node] = pose
    memory.cost[node] = cost
    memory.before[node] = before
    memory.move[node] = move
    memory.steps[node] = steps
    return node


@wp.func
def expand(
    around: Surroundings,
    moves: Moves,
    memory: SearchMemory,
    node: int,
    goal: wp.vec2,
    reach: float,
    steering: float,
):
    """Add where the moves from a node end, if no cheaper way is known to there."""
    for move in range(moves.steps.shape[0]):
        pose, steps, least, there = driven(around, moves, move, memory.pose[node], goal, reach)
        if steps > 0:
            paid = price(around, moves, move, steps, least, memory.move[node], steering)
            cost = memory.cost[node] + paid
            if there == 1:
                if memory.count[3] == _NONE or cost < memory.cost[memory.count[3]]:
                    memory.count[3] = add(memory, pose, cost, node, move, steps)
            else:
                cell = cell_of(around, pose)
                known = memory.best[cell[0], cell[1], cell[2]]
                if known == _NONE or cost < memory.cost[known]:
                    new = add(memory, pose, cost, node, move, steps)
                    memory.best[cell[0], cell[1], cell[2]] = new
                    push(memory, cost + around.left[cell[0], cell[1]], new)


@wp.kernel
def search(
    around: Surroundings,
    moves: Moves,
    memory: SearchMemory,
    start: wp.vec3,
    goal: wp.vec2,
    reach: float,
    steering: float,
):
    """Expand nodes until the cheapest way to within `reach` of the goal is found, or there is none."""
    first = add(memory, start, 0.0, _NONE, _NONE, 0)
    at = cell_of(around, start)
    memory.best[at[0], at[1], at[2]] = first
    push(memory, around.left[at[0], at[1]], first)
    room_for = memory.pose.shape[0] - moves.steps.shape[0]
    while memory.count[1] > 0:
        node = memory.node[0]
        if memory.count[3] != _NONE and memory.key[0] >= memory.cost[memory.count[3]]:
            break
        drop_first(memory)
        cell = cell_of(around, memory.pose[node])
        if memory.best[cell[0], cell[1], cell[2]] == node:
            if memory.count[0] >= room_for:
                memory.count[4] = 1
                break
            memory.count[2] = memory.count[2] + 1
            expand(around, moves, memory, node, goal, reach, steering)


@wp.kernel
def room_at(around: Surroundings, pose: wp.vec3, clear: wp.array(dtype=wp.float32)):
    """Clearance of the footprint at a pose."""
    clear[0] = room(around, pose)
