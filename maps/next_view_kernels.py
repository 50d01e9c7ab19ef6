"""Warp kernels of the next-best-view planner: one thread an agent, on a grid that repeats (a torus)."""

# Warp's dialect: `int(0)` declares a variable that a loop may change, and array types are calls.
# ruff: noqa: UP018, RUF046
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})

HEADINGS = wp.constant(24)
RAYS = wp.constant(48)  # all around a place: two between neighbouring headings
REACH = wp.constant(16)  # cells along a ray
PATH = wp.constant(128)  # cells of a path that are kept, those nearest to the agent
THINK_EVERY = wp.constant(8)
PATIENCE = wp.constant(60)  # steps towards one view before it is given up
LATTICE = wp.constant(3)  # every third cell along each axis is a place to look from
MIN_GAIN = wp.constant(0.1)  # square metres
DECIDE_STEPS = wp.constant(4.0)  # keeps a tiny gain next door from beating a large one
WALL_M = wp.constant(2.5)  # assumed height of an occupied cell that is not seen yet
ARRIVED = wp.constant(0.8)  # cells
LOOKAHEAD = wp.constant(4)  # cells of the path
STRAIGHT = wp.constant(10)  # cost of a step to the next cell; one along the diagonal takes 14
FREE_BELOW = wp.constant(102)  # of 255: how occupied a free cell may look
OCCUPIED_ABOVE = wp.constant(145)
SEEN_ABOVE = wp.constant(127)
UNREACHED = wp.constant(1 << 30)
NOWHERE = wp.constant(-1)
FORWARD, LEFT, RIGHT = wp.constant(0), wp.constant(1), wp.constant(2)

RayWorth = wp.types.vector(length=48, dtype=float)


@wp.struct
class Grid:
    """Maps of N agents. Cell (x, y) is row x * 2 * side + y; one addition moves it, one mask wraps it."""

    summary: wp.array(dtype=wp.uint8, ndim=2)  # (N * rows, 2): 0 free ... 255 occupied, 0 unseen ... 255 seen
    rows: int
    side: int  # cells along an edge, a power of two
    mask: int
    cell_m: float
    rays: wp.array(dtype=wp.int32, ndim=2)  # (RAYS, REACH) what to add to a cell to go along a ray


@wp.struct
class Plans:
    """What N agents are up to; scratch memory of the search."""

    goal: wp.array(dtype=wp.int32, ndim=2)  # (N, 2) cell or NOWHERE, heading
    clock: wp.array(dtype=wp.int32, ndim=2)  # (N, 2) steps since the last thought, and towards this goal
    walls: wp.array(dtype=wp.int32)  # (N) bits of headings that led into something from here
    path: wp.array(dtype=wp.int32, ndim=2)  # (N, PATH) cells from the agent towards the goal
    length: wp.array(dtype=wp.int32)  # (N) of the path
    met: wp.array(dtype=wp.int32)  # (N) number of cells reached
    worth: wp.array(dtype=float)  # (N) square metres a step that the goal promises
    given_up: wp.array(dtype=wp.uint8)  # (N * rows) 1 = counts as seen
    cost: wp.array(dtype=wp.int32)  # (N * rows)
    queued: wp.array(dtype=wp.uint8)  # (N * rows)
    queue: wp.array(dtype=wp.int32, ndim=2)  # (N, side * side)
    reached: wp.array(dtype=wp.int32, ndim=2)  # (N, side * side) cells in the order in which they were met


@wp.struct
class Bodies:
    """Where N agents are, as they reckon."""

    position: wp.array(dtype=wp.vec2)  # metres
    heading: wp.array(dtype=wp.int64)  # turns of 15 degrees to the left
    moved: wp.array(dtype=wp.bool)
    blocked: wp.array(dtype=wp.bool)
    starts: wp.array(dtype=wp.bool)


@wp.func
def cell_at(grid: Grid, point: wp.vec2) -> int:
    """The cell that a point in metres lies in."""
    x = int(wp.floor(point[0] / grid.cell_m)) & (grid.side - 1)
    y = int(wp.floor(point[1] / grid.cell_m)) & (grid.side - 1)
    return x * 2 * grid.side + y


@wp.func
def moved_by(grid: Grid, cell: int, dx: int, dy: int) -> int:
    """The cell so many cells further."""
    last = grid.side - 1
    return (cell + (dx & last) * 2 * grid.side + (dy & last)) & grid.mask


@wp.func
def offset_to(grid: Grid, cell: int, point: wp.vec2) -> wp.vec2:
    """From a point to the nearest copy of a cell's centre, in cells."""
    at = point / grid.cell_m
    half = grid.side // 2
    from_x, from_y = int(wp.floor(at[0])), int(wp.floor(at[1]))
    dx = ((cell // (2 * grid.side) - from_x + half) & (grid.side - 1)) - half
    dy = (((cell & (grid.side - 1)) - from_y + half) & (grid.side - 1)) - half
    return wp.vec2(float(from_x + dx) + 0.5 - at[0], float(from_y + dy) + 0.5 - at[1])


@wp.func
def is_free(grid: Grid, agent: int, cell: int) -> bool:
    """Whether the map shows nothing there."""
    return int(grid.summary[agent * grid.rows + cell, 0]) < FREE_BELOW


@wp.func
def is_occupied(grid: Grid, agent: int, cell: int) -> bool:
    """Whether the map shows something there."""
    return int(grid.summary[agent * grid.rows + cell, 0]) > OCCUPIED_ABOVE


@wp.func
def is_unseen(grid: Grid, plans: Plans, agent: int, cell: int) -> bool:
    """Whether a look there would bring something new."""
    row = agent * grid.rows + cell
    return int(grid.summary[row, 1]) <= SEEN_ABOVE and int(plans.given_up[row]) == 0


@wp.func
def discomfort(grid: Grid, agent: int, cell: int) -> int:
    """Beside an obstacle a step costs three times as much, so that paths keep off walls."""
    beside = is_occupied(grid, agent, moved_by(grid, cell, 1, 0))
    beside = beside or is_occupied(grid, agent, moved_by(grid, cell, -1, 0))
    beside = beside or is_occupied(grid, agent, moved_by(grid, cell, 0, 1))
    beside = beside or is_occupied(grid, agent, moved_by(grid, cell, 0, -1))
    return wp.where(beside, 3, 1)


@wp.func
def turns_between(first: float, second: float) -> float:
    """Turns of 15 degrees from one heading to another, -12 ... 12; headings in such turns."""
    difference = second - first
    return difference - float(HEADINGS) * wp.round(difference / float(HEADINGS))


@wp.func
def bearing(offset: wp.vec2) -> float:
    """Heading of an offset, in turns of 15 degrees."""
    return wp.atan2(offset[1], offset[0]) * float(HEADINGS) / (2.0 * wp.pi)


@wp.func
def give_up(grid: Grid, plans: Plans, agent: int):
    """What lies in the view counts as seen: it was looked at, or cannot be."""
    place, towards = plans.goal[agent, 0], 2 * plans.goal[agent, 1]
    for ray in range(towards - RAYS // 8, towards + RAYS // 8):
        for step in range(REACH):
            cell = (place + grid.rays[(ray + RAYS) % RAYS, step]) & grid.mask
            plans.given_up[agent * grid.rows + cell] = wp.uint8(1)
            if is_occupied(grid, agent, cell):
                break
    plans.goal[agent, 0] = NOWHERE


@wp.kernel
def revise(grid: Grid, plans: Plans, bodies: Bodies, thinks: wp.array(dtype=wp.bool)):
    """What the last step brought; who has arrived, was blocked or has not thought for long shall think."""
    agent = wp.tid()
    if bodies.starts[agent]:
        plans.goal[agent, 0] = NOWHERE
        for row in range(agent * grid.rows, (agent + 1) * grid.rows):
            plans.given_up[row] = wp.uint8(0)
    if bodies.starts[agent] or bodies.moved[agent]:
        plans.walls[agent] = 0
    heading = int(bodies.heading[agent])
    if bodies.blocked[agent]:
        plans.walls[agent] = plans.walls[agent] | (1 << heading)
    plans.clock[agent, 0] += 1
    plans.clock[agent, 1] += 1
    if plans.goal[agent, 0] != NOWHERE:
        away = wp.length(offset_to(grid, plans.goal[agent, 0], bodies.position[agent]))
        arrived = away <= ARRIVED and plans.goal[agent, 1] == heading
        if arrived or plans.clock[agent, 1] > PATIENCE:
            give_up(grid, plans, agent)
    late = plans.clock[agent, 0] >= THINK_EVERY
    thinks[agent] = plans.goal[agent, 0] == NOWHERE or bodies.blocked[agent] or late


@wp.kernel
def search(grid: Grid, plans: Plans, bodies: Bodies, thinks: wp.array(dtype=wp.bool)):
    """Cheapest ways from the agent to all free cells (label correcting, with a queue)."""
    agent = wp.tid()
    if not thinks[agent]:
        return
    first = agent * grid.rows
    for row in range(first, first + grid.rows):
        plans.cost[row] = UNREACHED
    here = cell_at(grid, bodies.position[agent])
    plans.cost[first + here] = 0
    plans.queue[agent, 0] = here
    plans.reached[agent, 0] = here
    size = grid.side * grid.side
    head, waiting, met = int(0), int(1), int(1)
    while waiting > 0:
        cell = plans.queue[agent, head]
        head = (head + 1) & (size - 1)
        waiting -= 1
        plans.queued[first + cell] = wp.uint8(0)
        own, cost = discomfort(grid, agent, cell), plans.cost[first + cell]
        for neighbour in range(9):
            dx, dy = neighbour // 3 - 1, neighbour % 3 - 1
            next = moved_by(grid, cell, dx, dy)
            if neighbour != 4 and is_free(grid, agent, next):
                step = wp.where(dx * dy == 0, STRAIGHT // 2, 7)
                total = cost + step * (own + discomfort(grid, agent, next))
                before = plans.cost[first + next]
                if total < before:
                    plans.cost[first + next] = total
                    if before == UNREACHED:
                        plans.reached[agent, met] = next
                        met += 1
                    if plans.queued[first + next] == wp.uint8(0):
                        plans.queued[first + next] = wp.uint8(1)
                        plans.queue[agent, (head + waiting) & (size - 1)] = next
                        waiting += 1
    plans.met[agent] = met


@wp.func
def unseen_around(grid: Grid, plans: Plans, agent: int, place: int) -> RayWorth:
    """Unseen surface in m² along rays all around: floor and ceiling, and walls that end the view."""
    worth = RayWorth()
    width = 2.0 * wp.pi / float(RAYS)
    for ray in range(RAYS):
        total = float(0.0)
        for step in range(REACH):
            cell = (place + grid.rays[ray, step]) & grid.mask
            occupied = is_occupied(grid, agent, cell)
            if is_unseen(grid, plans, agent, cell):
                depth = wp.where(occupied, WALL_M, 2.0 * grid.cell_m)
                total += depth * float(step + 1) * grid.cell_m * width
            if occupied:
                break
        worth[ray] = total
    return worth


@wp.kernel
def choose(grid: Grid, plans: Plans, bodies: Bodies, thinks: wp.array(dtype=wp.bool)):
    """The view with the most unseen surface for each step that it takes to get there."""
    agent = wp.tid()
    if not thinks[agent]:
        return
    position, heading = bodies.position[agent], float(bodies.heading[agent])
    best, best_place, best_heading = float(0.0), int(NOWHERE), int(0)
    for index in range(plans.met[agent]):
        place = plans.reached[agent, index]
        x, y = place // (2 * grid.side), place & (grid.side - 1)
        if index == 0 or (x % LATTICE == 0 and y % LATTICE == 0):
            steps = float(plans.cost[agent * grid.rows + place]) / float(STRAIGHT)
            offset = offset_to(grid, place, position)
            towards = wp.where(wp.length(offset) > ARRIVED, bearing(offset), heading)
            steps += wp.abs(turns_between(heading, towards))
            unseen = unseen_around(grid, plans, agent, place)
            for goal in range(HEADINGS):
                gain = float(0.0)
                for ray in range(2 * goal - RAYS // 8, 2 * goal + RAYS // 8):
                    gain += unseen[(ray + RAYS) % RAYS]
                worth = gain / (steps + wp.abs(turns_between(towards, float(goal))) + DECIDE_STEPS)
                if gain >= MIN_GAIN and worth > best:
                    best = worth
                    best_place = place
                    best_heading = goal
    before = plans.goal[agent, 0]
    near = before != NOWHERE and best_place != NOWHERE
    if near:
        near = wp.length(offset_to(grid, best_place, position) - offset_to(grid, before, position)) <= 2.0
    if not near:
        plans.clock[agent, 1] = 0
    plans.clock[agent, 0] = 0
    plans.goal[agent, 0] = best_place
    plans.goal[agent, 1] = best_heading
    plans.worth[agent] = best


@wp.kernel
def trace(grid: Grid, plans: Plans, thinks: wp.array(dtype=wp.bool)):
    """Write the way to the goal down: back from it, each time to the neighbour that it was met from."""
    agent = wp.tid()
    if not thinks[agent]:
        return
    first, cell = agent * grid.rows, int(plans.goal[agent, 0])
    plans.length[agent] = 0
    if cell == NOWHERE:
        return
    plans.queue[agent, 0] = cell
    count = int(1)
    while plans.cost[first + cell] > 0:
        own, next = discomfort(grid, agent, cell), int(cell)
        for neighbour in range(9):
            dx, dy = neighbour // 3 - 1, neighbour % 3 - 1
            other = moved_by(grid, cell, dx, dy)
            step = wp.where(dx * dy == 0, STRAIGHT // 2, 7) * (own + discomfort(grid, agent, other))
            if neighbour != 4 and plans.cost[first + other] + step == plans.cost[first + cell]:
                next = other
        cell = next
        plans.queue[agent, count] = cell
        count += 1
    kept = wp.min(count, PATH)
    for index in range(kept):
        plans.path[agent, index] = plans.queue[agent, count - 1 - index]
    plans.length[agent] = kept


@wp.func
def is_passable(grid: Grid, agent: int, start: wp.vec2, offset: wp.vec2) -> bool:
    """Whether the way along an offset in cells leads over free cells, in half-cell steps."""
    steps = 1 + int(2.0 * wp.length(offset))
    result = bool(True)
    for step in range(1, steps + 1):
        point = start + offset * (float(step) / float(steps) * grid.cell_m)
        if not is_free(grid, agent, cell_at(grid, point)):
            result = False
    return result


@wp.func
def heading_to(grid: Grid, plans: Plans, agent: int, position: wp.vec2) -> float:
    """Where to head to go on along the path; at its end, where the view looks."""
    away = wp.length(offset_to(grid, plans.goal[agent, 0], position))
    if away <= ARRIVED or plans.length[agent] == 0:
        return float(plans.goal[agent, 1])
    nearest, least = int(0), float(1.0e6)
    for index in range(plans.length[agent]):
        distance = wp.length(offset_to(grid, plans.path[agent, index], position))
        if distance < least:
            nearest = index
            least = distance
    last = plans.length[agent] - 1
    target = wp.min(nearest + 1, last)
    for index in range(target + 1, wp.min(nearest + LOOKAHEAD, last) + 1):
        if is_passable(grid, agent, position, offset_to(grid, plans.path[agent, index], position)):
            target = index
    return bearing(offset_to(grid, plans.path[agent, target], position))


@wp.kernel
def advise(grid: Grid, plans: Plans, bodies: Bodies, advice: wp.array(dtype=float, ndim=2)):
    """The next action, one-hot; cosine and sine of the way's direction; how near and how good the goal is."""
    agent = wp.tid()
    position, heading = bodies.position[agent], float(bodies.heading[agent])
    for column in range(7):
        advice[agent, column] = 0.0
    if plans.goal[agent, 0] == NOWHERE:
        advice[agent, RIGHT] = 1.0
        return
    wanted = turns_between(heading, heading_to(grid, plans, agent, position))
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
    away = wp.length(offset_to(grid, plans.goal[agent, 0], position))
    advice[agent, 3] = wp.cos(angle)
    advice[agent, 4] = wp.sin(angle)
    advice[agent, 5] = 1.0 / (1.0 + 0.1 * away)
    advice[agent, 6] = plans.worth[agent] / (1.0 + plans.worth[agent])
