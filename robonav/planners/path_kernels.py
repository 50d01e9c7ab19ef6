# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, misc, empty-body"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Path-search kernels on the policy's own map: one thread an agent."""

# Warp's dialect: `int(0)` declares a variable that a loop may change.
# ruff: noqa: UP018, RUF046

from __future__ import annotations

from pathlib import Path

import warp as wp

from robonav.planners import planning_limits
from robonav.planners.own_map_kernels import Grid, packed

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
_CPP = Path(__file__).with_name("next_best_view.h").read_text()
SOURCE = wp.ModuleBuildOptions(extra_cpu_preamble=_CPP, extra_cuda_preamble=_CPP)
wp.set_module_options({"enable_backward": False, "extra_build_options": SOURCE})

HEADINGS = wp.constant(24)
RAYS = wp.constant(144)  # all around a place: at 4 m about a cell apart
PATH = wp.constant(256)  # cells of a path that are kept, those nearest to the agent
BODY_M = wp.constant(0.18)
COMFORT_M = wp.constant(planning_limits.COMFORT_M)  # nearer to an obstacle a step costs three times as much
ESCAPE_M = wp.constant(planning_limits.ESCAPE_M)  # paths may cross narrow floor so far, at a price
STEP_M = wp.constant(0.25)
STRAIGHT, DIAGONAL = wp.constant(5), wp.constant(7)  # times the prices of both cells
FREE_BELOW = wp.constant(115)  # of 255: how occupied a free cell may look
OCCUPIED_ABOVE = wp.constant(140)
UNREACHED = wp.constant(1 << 30)
NOWHERE = wp.constant(-1)
IMPASSABLE, EASY, TIGHT, ESCAPE = (wp.constant(price) for price in (99, 1, 3, 10))  # prices of a cell


@wp.struct
class Maps:
    """Maps and poses of N agents, by their own dead reckoning."""

    grid: Grid
    summary: wp.array2d(dtype=wp.vec2ub)  # (N, rows) 0 free ... 255 occupied, 0 unseen ... 255 seen
    rays: wp.array2d(dtype=wp.int32)  # (RAYS, reach) what to add to a cell to go along a ray
    lattice: wp.int32  # spacing of viewpoints, cells
    position: wp.array(dtype=wp.vec2)  # metres
    heading: wp.array(dtype=wp.int64)  # turns of 15 degrees to the left
    previous_action: wp.array(dtype=wp.int64)  # action + 1, 0 = none or blocked
    starts: wp.array(dtype=wp.bool)
    seeks: wp.array(dtype=wp.bool)  # whether there is a goal pose, which comes before new views
    sought: wp.array(dtype=wp.vec3)  # x, y in metres, heading in turns


@wp.struct
class Plans:
    """Goals, paths and scratch memory of N agents."""

    goal: wp.array2d(dtype=wp.int32)  # (N, 2) cell or NOWHERE; heading there, or without a goal
    clock: wp.array2d(dtype=wp.int32)  # (N, 2) steps since the last planning, and towards this goal
    thinks: wp.array(dtype=wp.bool)  # (N) plans anew in this step
    walls: wp.array(dtype=wp.int32)  # (N) bits of blocked headings here
    path: wp.array2d(dtype=wp.int32)  # (N, PATH) cells from the agent towards the goal
    length: wp.array(dtype=wp.int32)  # (N) of the path
    worth: wp.array(dtype=float)  # (N) gain of the goal, square metres a step
    places: wp.array2d(dtype=wp.int32)  # (N, CANDIDATES) cells of the best views
    headings: wp.array2d(dtype=wp.int32)  # (N, CANDIDATES)
    promises: wp.array2d(dtype=float)  # (N, CANDIDATES) square metres a step; 0 = none
    stamp: wp.array2d(dtype=wp.int32)  # (N, rows) last path on which a cell was counted
    ways: wp.array(dtype=wp.int32)  # (N) counted so far
    given_up: wp.array2d(dtype=wp.uint8)  # (N, rows) 1 = counts as seen
    price: wp.array2d(dtype=wp.uint8)  # (N, rows) 0 = not known yet
    cost: wp.array2d(dtype=wp.int32)  # (N, rows) of the path there
    queued: wp.array2d(dtype=wp.uint8)  # (N, rows)
    queue: wp.array2d(dtype=wp.int32)  # (N, cells)
    reached: wp.array2d(dtype=wp.int32)  # (N, cells) in the order of the search
    met: wp.array(dtype=wp.int32)  # (N) number of reached cells


@wp.func
def moved_by(grid: Grid, cell: int, dx: int, dy: int) -> int:
    """The cell offset by (dx, dy)."""
    last = grid.cells - 1
    return (cell + (dx & last) * 2 * grid.cells + (dy & last)) & grid.mask


@wp.func
def offset_to(grid: Grid, cell: int, point: wp.vec2) -> wp.vec2:
    """Metres from a point to the nearest copy of a cell's centre."""
    half, last = grid.cells // 2, grid.cells - 1
    from_x, from_y = int(wp.floor(point[0] / grid.cell_m)), int(wp.floor(point[1] / grid.cell_m))
    dx = ((cell // (2 * grid.cells) - from_x + half) & last) - half
    dy = (((cell & last) - from_y + half) & last) - half
    centre = wp.vec2(float(from_x + dx) + 0.5, float(from_y + dy) + 0.5) * grid.cell_m
    return centre - point


@wp.func
def is_free(maps: Maps, agent: int, cell: int) -> bool:
    """Whether a cell counts as free."""
    return int(maps.summary[agent, cell][0]) < FREE_BELOW


@wp.func
def is_occupied(maps: Maps, agent: int, cell: int) -> bool:
    """Whether a cell counts as occupied."""
    return int(maps.summary[agent, cell][0]) > OCCUPIED_ABOVE


@wp.func
def turns_between(first: float, second: float) -> float:
    """Turns of 15 degrees from one heading to another, -12 ... 12; headings in such turns."""
    difference = second - first
    return difference - float(HEADINGS) * wp.round(difference / float(HEADINGS))


@wp.func
def bearing(offset: wp.vec2) -> float:
    """Heading of an offset, in turns of 15 degrees."""
    return wp.atan2(offset[1], offset[0]) * float(HEADINGS) / (2.0 * wp.pi)


@wp.func_native("return guidance::nearest_occupied(maps, agent, cell, reach, occupied_above, none);")
def _nearest_occupied(maps: Maps, agent: int, cell: int, reach: int, occupied_above: int, none: int) -> int:
    """Squared distance in cells to the nearest occupied one, up to `reach` cells off, else `none`."""


@wp.func
def priced(maps: Maps, agent: int, cell: int) -> int:
    """Cost of a cell, by its distance to obstacles."""
    away = wp.length(offset_to(maps.grid, cell, maps.position[agent]))
    known_free = is_free(maps, agent, cell)
    known_free = known_free or (away < BODY_M and not is_occupied(maps, agent, cell))
    if not known_free:
        return IMPASSABLE
    reach = int(COMFORT_M / maps.grid.cell_m)
    nearest = _nearest_occupied(maps, agent, cell, reach, OCCUPIED_ABOVE, UNREACHED)
    distance = maps.grid.cell_m * wp.sqrt(float(nearest))
    if distance >= COMFORT_M:
        return EASY
    if distance >= BODY_M:
        return TIGHT
    return wp.where(away < ESCAPE_M, ESCAPE, IMPASSABLE)


@wp.func
def price_of(maps: Maps, plans: Plans, agent: int, cell: int) -> int:
    """Cost of a cell, computed once and cached."""
    price = int(plans.price[agent, cell])
    if price == 0:
        price = priced(maps, agent, cell)
        plans.price[agent, cell] = wp.uint8(price)
    return price


@wp.kernel
def search(maps: Maps, plans: Plans) -> None:
    """Cheapest paths from the agent to all cells where it fits (label correcting, with a queue)."""
    agent = wp.tid()
    if not plans.thinks[agent]:
        return
    for x in range(maps.grid.cells):  # of the rows' entries every other run names no cell
        for cell in range(2 * x * maps.grid.cells, (2 * x + 1) * maps.grid.cells):
            plans.cost[agent, cell] = UNREACHED
            plans.price[agent, cell] = wp.uint8(0)
    here = packed(maps.grid, maps.position[agent])
    plans.price[agent, here] = wp.uint8(EASY)
    plans.cost[agent, here] = 0
    plans.queue[agent, 0] = here
    plans.reached[agent, 0] = here
    size = plans.queue.shape[1]
    head, waiting, met = int(0), int(1), int(1)
    while waiting > 0:
        cell = plans.queue[agent, head]
        head = (head + 1) % size
        waiting -= 1
        plans.queued[agent, cell] = wp.uint8(0)
        own, cost = price_of(maps, plans, agent, cell), plans.cost[agent, cell]
        for neighbour in range(9):
            dx, dy = neighbour // 3 - 1, neighbour % 3 - 1
            next = moved_by(maps.grid, cell, dx, dy)
            price = price_of(maps, plans, agent, next)
            total = cost + wp.where(dx * dy == 0, STRAIGHT, DIAGONAL) * (own + price)
            before = plans.cost[agent, next]
            if price != IMPASSABLE and total < before:
                plans.cost[agent, next] = total
                if before == UNREACHED:
                    plans.reached[agent, met] = next
                    met += 1
                if plans.queued[agent, next] == wp.uint8(0):
                    plans.queued[agent, next] = wp.uint8(1)
                    plans.queue[agent, (head + waiting) % size] = next
                    waiting += 1
    plans.met[agent] = met


@wp.func
def cell_before(maps: Maps, plans: Plans, agent: int, cell: int) -> int:
    """The predecessor of a cell on the cheapest path."""
    own, before = price_of(maps, plans, agent, cell), int(cell)
    for neighbour in range(9):
        dx, dy = neighbour // 3 - 1, neighbour % 3 - 1
        other = moved_by(maps.grid, cell, dx, dy)
        step = wp.where(dx * dy == 0, STRAIGHT, DIAGONAL) * (own + price_of(maps, plans, agent, other))
        if neighbour != 4 and plans.cost[agent, other] + step == plans.cost[agent, cell]:
            before = other
    return before


@wp.func
def steps_to(maps: Maps, plans: Plans, agent: int, place: int) -> float:
    """Forward steps of the path to a place."""
    return float(plans.cost[agent, place]) / float(2 * STRAIGHT) * maps.grid.cell_m / STEP_M


@wp.kernel
def trace(maps: Maps, plans: Plans) -> None:
    """Write the path to the goal, traced back from it through predecessors."""
    agent = wp.tid()
    if not plans.thinks[agent]:
        return
    cell = int(plans.goal[agent, 0])
    plans.length[agent] = 0
    if cell == NOWHERE:
        return
    plans.queue[agent, 0] = cell
    count = int(1)
    while plans.cost[agent, cell] > 0:
        cell = cell_before(maps, plans, agent, cell)
        plans.queue[agent, count] = cell
        count += 1
    kept = wp.min(count, PATH)
    for index in range(kept):
        plans.path[agent, index] = plans.queue[agent, count - 1 - index]
    plans.length[agent] = kept
