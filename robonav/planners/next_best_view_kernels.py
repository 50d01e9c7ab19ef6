# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, misc, empty-body"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Next-best-view planning on the policy's own map: one thread an agent."""

# Warp's dialect: `int(0)` declares a variable that a loop may change.
# ruff: noqa: UP018, RUF046

from __future__ import annotations

import warp as wp

from robonav.planners import planning_limits
from robonav.planners.own_map_kernels import packed
from robonav.planners.path_kernels import (
    ESCAPE,
    HEADINGS,
    NOWHERE,
    OCCUPIED_ABOVE,
    RAYS,
    SOURCE,
    Maps,
    Plans,
    bearing,
    cell_before,
    is_occupied,
    offset_to,
    price_of,
    steps_to,
    turns_between,
)

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False, "extra_build_options": SOURCE})

COARSE = wp.constant(3)  # every so many rays are enough to tell which views are worth a closer look
CANDIDATES = wp.constant(16)  # views of which it is worked out what the way there would show
PASSING_M = wp.constant(0.5)  # how far apart the places on a way are that are looked from
THINK_EVERY = wp.constant(8)
PATIENCE = wp.constant(planning_limits.PATIENCE)
MIN_GAIN = wp.constant(planning_limits.MIN_GAIN_M2)
DECIDE_STEPS = wp.constant(planning_limits.DECIDE_STEPS)
WALL_M = wp.constant(planning_limits.WALL_M)
BOUNCE = wp.constant(7)  # turns of a blocked agent without a goal; in time that takes all 24 headings
LOOKAHEAD_M = wp.constant(planning_limits.LOOKAHEAD_M)
ARRIVED_M = wp.constant(planning_limits.ARRIVED_M)
NEAR_M = wp.constant(1.0)  # how far from a sought place one that can be reached may lie
SOUGHT_WORTH = wp.constant(4.0)  # square metres a step, more than any view
SEEN_ABOVE = wp.constant(127)  # of 255: from where on a cell counts as seen
FORWARD, LEFT, RIGHT = wp.constant(0), wp.constant(1), wp.constant(2)

CoarseWorth = wp.types.vector(length=48, dtype=float)


@wp.func
def give_up(maps: Maps, plans: Plans, agent: int) -> None:
    """Count the surface in the view as seen: it was looked at, or cannot be."""
    place, towards = plans.goal[agent, 0], plans.goal[agent, 1] * (RAYS // HEADINGS)
    for ray in range(towards - RAYS // 8, towards + RAYS // 8):
        for step in range(maps.rays.shape[1]):
            cell = (place + maps.rays[(ray + RAYS) % RAYS, step]) & maps.grid.mask
            plans.given_up[agent, cell] = wp.uint8(1)
            if is_occupied(maps, agent, cell):
                break
    plans.goal[agent, 0] = NOWHERE


@wp.kernel
def revise(maps: Maps, plans: Plans) -> None:
    """Update the plan after a step; replan after arrival, a blocked move, or a number of steps."""
    agent = wp.tid()
    heading, start = int(maps.heading[agent]), maps.starts[agent]
    blocked = int(maps.previous_action[agent]) == 0 and not start
    if start:
        plans.goal[agent, 0] = NOWHERE
        plans.goal[agent, 1] = heading
        for cell in range(plans.given_up.shape[1]):
            plans.given_up[agent, cell] = wp.uint8(0)
    if start or int(maps.previous_action[agent]) == FORWARD + 1:
        plans.walls[agent] = 0
    if blocked:
        plans.walls[agent] = plans.walls[agent] | (1 << heading)
    plans.clock[agent, 0] += 1
    plans.clock[agent, 1] += 1
    if plans.goal[agent, 0] != NOWHERE:
        away = wp.length(offset_to(maps.grid, plans.goal[agent, 0], maps.position[agent]))
        arrived = away <= ARRIVED_M and plans.goal[agent, 1] == heading
        if arrived or plans.clock[agent, 1] > PATIENCE:
            give_up(maps, plans, agent)
    late = plans.clock[agent, 0] >= THINK_EVERY
    plans.thinks[agent] = plans.goal[agent, 0] == NOWHERE or blocked or late


@wp.func_native("""
    const auto known = guidance::known_to(maps, plans, agent, occupied_above, seen_above);
    return guidance::unseen_along(known, maps, place, ray, wall_m, floor_m, width);
""")
def _unseen_along(
    maps: Maps,
    plans: Plans,
    agent: int,
    place: int,
    ray: int,
    wall_m: float,
    floor_m: float,
    width: float,
    occupied_above: int,
    seen_above: int,
) -> float:
    """Unseen surface in m² along a ray that stands for so wide an angle."""


@wp.func
def unseen_around(maps: Maps, plans: Plans, agent: int, place: int) -> CoarseWorth:
    """Unseen surface in m² along coarse rays all around: floor and ceiling, and walls that end the view."""
    worth = CoarseWorth()
    cell_m, width = maps.grid.cell_m, 2.0 * wp.pi * float(COARSE) / float(RAYS)
    for ray in range(RAYS // COARSE):
        middle = COARSE * ray + COARSE // 2
        worth[ray] = _unseen_along(
            maps, plans, agent, place, middle, WALL_M, 2.0 * cell_m, width, OCCUPIED_ABOVE, SEEN_ABOVE
        )
    return worth


@wp.func_native("""
    const auto known = guidance::known_to(maps, plans, agent, occupied_above, seen_above);
    int* stamp = plans.stamp.data + (size_t)agent * plans.stamp.shape[1];
    return guidance::newly_counted_along(known, maps, stamp, place, way, begin, end, wall_m2, floor_m2);
""")
def _newly_counted_along(
    maps: Maps,
    plans: Plans,
    agent: int,
    place: int,
    way: int,
    begin: int,
    end: int,
    wall_m2: float,
    floor_m2: float,
    occupied_above: int,
    seen_above: int,
) -> float:
    """Unseen surface in m² of the cells along these rays that were not counted on this path yet."""


@wp.func
def newly_counted(maps: Maps, plans: Plans, agent: int, place: int, first: float, last: float) -> float:
    """Unseen surface in m² that a turn between two headings shows, and this path has not shown yet."""
    cell_m, way = maps.grid.cell_m, plans.ways[agent]
    per_turn = float(RAYS // HEADINGS)
    turned = wp.round(turns_between(first, last))
    begin = int(wp.round(per_turn * (first + wp.min(turned, 0.0)))) - RAYS // 8
    end = int(wp.round(per_turn * (first + wp.max(turned, 0.0)))) + RAYS // 8
    end, wall_m2 = wp.min(end, begin + RAYS), cell_m * WALL_M
    floor_m2 = cell_m * (2.0 * cell_m)
    return _newly_counted_along(
        maps, plans, agent, place, way, begin, end, wall_m2, floor_m2, OCCUPIED_ABOVE, SEEN_ABOVE
    )


@wp.func
def worth_of_way(maps: Maps, plans: Plans, agent: int, goal: int, heading: int) -> float:
    """Unseen surface in m² for each step, of the path to a view and of the view; each cell counts once."""
    grid, own = maps.grid, float(maps.heading[agent])
    plans.ways[agent] += 1
    total, turns = float(0.0), float(0.0)
    cell, after = int(goal), float(heading)
    while plans.cost[agent, cell] > 0:
        place = int(cell)
        for _ in range(int(PASSING_M / grid.cell_m)):
            if plans.cost[agent, cell] > 0:
                cell = cell_before(maps, plans, agent, cell)
        from_here = maps.position[agent] + offset_to(grid, cell, maps.position[agent])
        along = bearing(offset_to(grid, place, from_here))
        total += newly_counted(maps, plans, agent, place, along, after)
        turns += wp.abs(turns_between(along, after))
        after = along
    total += newly_counted(maps, plans, agent, cell, own, after)
    turns += wp.abs(turns_between(own, after))
    return total / (steps_to(maps, plans, agent, goal) + turns + DECIDE_STEPS)


@wp.func
def add_candidate(plans: Plans, agent: int, place: int, heading: int, promise: float) -> None:
    """Replace the candidate with the least gain, if the view has more."""
    least = int(0)
    for k in range(1, CANDIDATES):
        if plans.promises[agent, k] < plans.promises[agent, least]:
            least = k
    if promise > plans.promises[agent, least]:
        plans.places[agent, least] = place
        plans.headings[agent, least] = heading
        plans.promises[agent, least] = promise


@wp.func
def add_best_view(maps: Maps, plans: Plans, agent: int, place: int) -> None:
    """Make the view from a place with the most unseen surface a step a candidate."""
    heading = float(maps.heading[agent])
    offset = offset_to(maps.grid, place, maps.position[agent])
    towards = wp.where(wp.length(offset) > ARRIVED_M, bearing(offset), heading)
    steps = steps_to(maps, plans, agent, place) + wp.abs(turns_between(heading, towards)) + DECIDE_STEPS
    unseen = unseen_around(maps, plans, agent, place)
    rays = RAYS // COARSE
    most, best = float(0.0), int(0)
    for view in range(HEADINGS):
        gain = float(0.0)
        for ray in range(rays // HEADINGS * view - rays // 8, rays // HEADINGS * view + rays // 8):
            gain += unseen[(ray + rays) % rays]
        promise = gain / (steps + wp.abs(turns_between(towards, float(view))))
        if gain >= MIN_GAIN and promise > most:
            most = promise
            best = view
    add_candidate(plans, agent, place, best, most)


@wp.kernel
def shortlist(maps: Maps, plans: Plans) -> None:
    """The candidates with the most unseen surface for each step of the path to them."""
    agent = wp.tid()
    if not plans.thinks[agent]:
        return
    for k in range(CANDIDATES):
        plans.promises[agent, k] = 0.0
    for index in range(plans.met[agent]):
        place = plans.reached[agent, index]
        x, y = place // (2 * maps.grid.cells), place & (maps.grid.cells - 1)
        if index == 0 or (x % maps.lattice == 0 and y % maps.lattice == 0):
            add_best_view(maps, plans, agent, place)


@wp.kernel
def choose(maps: Maps, plans: Plans) -> None:
    """Choose the candidate with the most gain a step, the views along the path included."""
    agent = wp.tid()
    if not plans.thinks[agent]:
        return
    grid, position = maps.grid, maps.position[agent]
    most, best = float(0.0), int(NOWHERE)
    for k in range(CANDIDATES):
        if plans.promises[agent, k] > 0.0:
            worth = worth_of_way(maps, plans, agent, plans.places[agent, k], plans.headings[agent, k])
            if worth > most:
                most = worth
                best = k
    before, chosen = plans.goal[agent, 0], int(NOWHERE)
    if best != NOWHERE:
        chosen = plans.places[agent, best]
        plans.goal[agent, 1] = plans.headings[agent, best]
    elif before != NOWHERE:
        plans.goal[agent, 1] = int(maps.heading[agent])
    elif int(maps.previous_action[agent]) == 0 and not maps.starts[agent]:
        plans.goal[agent, 1] = (int(maps.heading[agent]) + HEADINGS - BOUNCE) % HEADINGS
    same = before != NOWHERE and chosen != NOWHERE
    if same:
        same = wp.length(offset_to(grid, chosen, position) - offset_to(grid, before, position)) <= 0.5
    if not same:
        plans.clock[agent, 1] = 0
    plans.clock[agent, 0] = 0
    plans.goal[agent, 0] = chosen
    plans.worth[agent] = most


@wp.func
def place_near(maps: Maps, plans: Plans, agent: int, point: wp.vec2) -> int:
    """The reachable place nearest to a point, NOWHERE if none is near."""
    nearest, least = int(NOWHERE), float(NEAR_M)
    for index in range(plans.met[agent]):
        away = wp.length(offset_to(maps.grid, plans.reached[agent, index], point))
        if away < least:
            nearest = plans.reached[agent, index]
            least = away
    return nearest


@wp.kernel
def pursue(maps: Maps, plans: Plans) -> None:
    """Set the goal to the given goal pose, once a path leads there."""
    agent = wp.tid()
    if not plans.thinks[agent] or not maps.seeks[agent]:
        return
    sought = maps.sought[agent]
    place = place_near(maps, plans, agent, wp.vec2(sought[0], sought[1]))
    if place != NOWHERE:
        plans.goal[agent, 0] = place
        plans.goal[agent, 1] = int(sought[2]) % HEADINGS
        plans.worth[agent] = SOUGHT_WORTH


@wp.func
def is_passable(maps: Maps, plans: Plans, agent: int, start: wp.vec2, offset: wp.vec2) -> bool:
    """Whether the body fits along an offset in metres, checked in half-cell steps."""
    steps = 1 + int(2.0 * wp.length(offset) / maps.grid.cell_m)
    result = bool(True)
    for step in range(1, steps + 1):
        point = start + offset * (float(step) / float(steps))
        price = price_of(maps, plans, agent, packed(maps.grid, point))
        result = result and price < ESCAPE
    return result


@wp.func
def heading_to(maps: Maps, plans: Plans, agent: int) -> float:
    """Heading that follows the path; at its end, the heading of the view."""
    grid, position = maps.grid, maps.position[agent]
    if wp.length(offset_to(grid, plans.goal[agent, 0], position)) <= ARRIVED_M:
        return float(plans.goal[agent, 1])
    nearest, least = int(0), float(1.0e6)
    for index in range(plans.length[agent]):
        distance = wp.length(offset_to(grid, plans.path[agent, index], position))
        if distance < least:
            nearest = index
            least = distance
    last = plans.length[agent] - 1
    target = wp.min(nearest + 1, last)
    for index in range(target + 1, wp.min(nearest + int(LOOKAHEAD_M / grid.cell_m), last) + 1):
        offset = offset_to(grid, plans.path[agent, index], position)
        if is_passable(maps, plans, agent, position, offset):
            target = index
    return bearing(offset_to(grid, plans.path[agent, target], position))


@wp.kernel
def advise(maps: Maps, plans: Plans, advice: wp.array2d(dtype=float)) -> None:
    """The advice: next action (one-hot), cosine and sine of the path, nearness and gain of the goal."""
    agent = wp.tid()
    heading = float(maps.heading[agent])
    if plans.goal[agent, 0] == NOWHERE:  # it wanders: what it takes for seen may look new from elsewhere
        turns = turns_between(heading, float(plans.goal[agent, 1]))
        advice[agent, wp.where(turns == 0.0, FORWARD, wp.where(turns > 0.0, LEFT, RIGHT))] = 1.0
        return
    wanted = turns_between(heading, heading_to(maps, plans, agent))
    best, turn = float(1.0e6), int(0)
    for candidate in range(-12, 12):
        away = wp.abs(turns_between(wanted, float(candidate))) + 1.0e-6 * float(wp.abs(candidate))
        bit = (int(heading) + candidate + HEADINGS) % HEADINGS
        if away < best and (plans.walls[agent] & (1 << bit)) == 0:
            best = away
            turn = candidate
    action = wp.where(turn == 0, FORWARD, wp.where(turn > 0, LEFT, RIGHT))
    advice[agent, action] = 1.0
    angle = wanted * (2.0 * wp.pi / float(HEADINGS))
    advice[agent, 3] = wp.cos(angle)
    advice[agent, 4] = wp.sin(angle)
    away = wp.length(offset_to(maps.grid, plans.goal[agent, 0], maps.position[agent]))
    advice[agent, 5] = 1.0 / (1.0 + away)
    advice[agent, 6] = plans.worth[agent] / (1.0 + plans.worth[agent])
