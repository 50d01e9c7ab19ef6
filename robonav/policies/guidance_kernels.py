# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, misc"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Next-best-view planning on the policy's own map: one thread an agent."""

# Warp's dialect: `int(0)` declares a variable that a loop may change.
# ruff: noqa: UP018, RUF046

from __future__ import annotations

import warp as wp

from robonav.policies.spatial_kernels import Grid, packed

wp.config.log_level = 40  # errors only: Warp greets on every start otherwise
wp.set_module_options({"enable_backward": False})

HEADINGS = wp.constant(24)
RAYS = wp.constant(144)  # all around a place: at 4 m about a cell apart
COARSE = wp.constant(3)  # every so many rays are enough to tell which views are worth a closer look
CANDIDATES = wp.constant(16)  # views of which it is worked out what the way there would show
PASSING_M = wp.constant(0.5)  # how far apart the places on a way are that are looked from
PATH = wp.constant(256)  # cells of a path that are kept, those nearest to the agent
THINK_EVERY = wp.constant(8)
PATIENCE = wp.constant(60)  # steps towards one view before it is given up
MIN_GAIN = wp.constant(0.1)  # square metres
DECIDE_STEPS = wp.constant(4.0)  # keeps a tiny gain next door from beating a large one
WALL_M = wp.constant(2.5)  # assumed height of an occupied cell that is not seen yet
BODY_M = wp.constant(0.18)
COMFORT_M = wp.constant(0.35)  # nearer to an obstacle a step costs three times as much
ESCAPE_M = wp.constant(0.3)  # so far an agent may go where its body seems not to fit, at a price
BOUNCE = wp.constant(
    7
)  # turns of who wanders and is blocked: it takes all headings in time, as 24 / 7 is no whole
ARRIVED_M = wp.constant(0.2)
LOOKAHEAD_M = wp.constant(1.0)
STEP_M = wp.constant(0.25)
STRAIGHT, DIAGONAL = wp.constant(5), wp.constant(7)  # times the prices of both cells
FREE_BELOW = wp.constant(115)  # of 255: how occupied a free cell may look
OCCUPIED_ABOVE = wp.constant(140)
SEEN_ABOVE = wp.constant(127)
UNREACHED = wp.constant(1 << 30)
NOWHERE = wp.constant(-1)
IMPASSABLE, EASY, TIGHT, ESCAPE = (wp.constant(price) for price in (99, 1, 3, 10))  # prices of a cell
FORWARD, LEFT, RIGHT = wp.constant(0), wp.constant(1), wp.constant(2)

CoarseWorth = wp.types.vector(length=48, dtype=float)


@wp.struct
class Maps:
    """What N agents know, and where they are, as they reckon."""

    grid: Grid
    summary: wp.array2d(dtype=wp.vec2ub)  # (N, rows) 0 free ... 255 occupied, 0 unseen ... 255 seen
    rays: wp.array2d(dtype=wp.int32)  # (RAYS, reach) what to add to a cell to go along a ray
    lattice: wp.int32  # every so many cells along each axis is a place to look from
    position: wp.array(dtype=wp.vec2)  # metres
    heading: wp.array(dtype=wp.int64)  # turns of 15 degrees to the left
    previous_action: wp.array(dtype=wp.int64)  # action + 1, 0 = none or blocked
    starts: wp.array(dtype=wp.bool)


@wp.struct
class Plans:
    """What N agents are up to; scratch memory of the search."""

    goal: wp.array2d(dtype=wp.int32)  # (N, 2) cell or NOWHERE, heading there or of who wanders
    clock: wp.array2d(dtype=wp.int32)  # (N, 2) steps since the last thought, and towards this goal
    thinks: wp.array(dtype=wp.bool)  # (N) plans anew in this step
    walls: wp.array(dtype=wp.int32)  # (N) bits of headings that led into something from here
    path: wp.array2d(dtype=wp.int32)  # (N, PATH) cells from the agent towards the goal
    length: wp.array(dtype=wp.int32)  # (N) of the path
    worth: wp.array(dtype=float)  # (N) square metres a step that the goal promises
    places: wp.array2d(dtype=wp.int32)  # (N, CANDIDATES) cells of the views that promise most
    headings: wp.array2d(dtype=wp.int32)  # (N, CANDIDATES)
    promises: wp.array2d(dtype=float)  # (N, CANDIDATES) square metres a step; 0 = none
    stamp: wp.array2d(dtype=wp.int32)  # (N, rows) last way on which a cell was counted
    ways: wp.array(dtype=wp.int32)  # (N) counted so far
    given_up: wp.array2d(dtype=wp.uint8)  # (N, rows) 1 = counts as seen
    price: wp.array2d(dtype=wp.uint8)  # (N, rows) 0 = not known yet
    cost: wp.array2d(dtype=wp.int32)  # (N, rows) of the way there
    queued: wp.array2d(dtype=wp.uint8)  # (N, rows)
    queue: wp.array2d(dtype=wp.int32)  # (N, cells)
    reached: wp.array2d(dtype=wp.int32)  # (N, cells) in the order in which they were met
    met: wp.array(dtype=wp.int32)  # (N) number of them


@wp.func
def moved_by(grid: Grid, cell: int, dx: int, dy: int) -> int:
    """The cell so many cells further."""
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
    """Whether the map shows nothing there."""
    return int(maps.summary[agent, cell][0]) < FREE_BELOW


@wp.func
def is_occupied(maps: Maps, agent: int, cell: int) -> bool:
    """Whether the map shows something there."""
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


@wp.func
def priced(maps: Maps, agent: int, cell: int) -> int:
    """What a cell costs that the body may or may not fit in."""
    away = wp.length(offset_to(maps.grid, cell, maps.position[agent]))
    known_free = is_free(maps, agent, cell)
    known_free = known_free or (away < BODY_M and not is_occupied(maps, agent, cell))
    if not known_free:
        return IMPASSABLE
    reach = int(COMFORT_M / maps.grid.cell_m)
    nearest = int(1 << 30)  # squared distance of an obstacle in cells
    for dx in range(-reach, reach + 1):
        for dy in range(-reach, reach + 1):
            squared = dx * dx + dy * dy
            if squared < nearest and is_occupied(maps, agent, moved_by(maps.grid, cell, dx, dy)):
                nearest = squared
    distance = maps.grid.cell_m * wp.sqrt(float(nearest))
    if distance >= COMFORT_M:
        return EASY
    if distance >= BODY_M:
        return TIGHT
    return wp.where(away < ESCAPE_M, ESCAPE, IMPASSABLE)


@wp.func
def price_of(maps: Maps, plans: Plans, agent: int, cell: int) -> int:
    """What a cell costs, looked up or worked out."""
    price = int(plans.price[agent, cell])
    if price == 0:
        price = priced(maps, agent, cell)
        plans.price[agent, cell] = wp.uint8(price)
    return price


@wp.func
def give_up(maps: Maps, plans: Plans, agent: int) -> None:
    """What lies in the view counts as seen: it was looked at, or cannot be."""
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
    """What the last step brought; who has arrived, was blocked or has not thought for long shall think."""
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


@wp.kernel
def search(maps: Maps, plans: Plans) -> None:
    """Cheapest ways from the agent to all cells that it fits in (label correcting, with a queue)."""
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
def is_news(maps: Maps, plans: Plans, agent: int, cell: int) -> bool:
    """Whether a cell was neither seen nor given up."""
    return int(maps.summary[agent, cell][1]) <= SEEN_ABOVE and plans.given_up[agent, cell] == wp.uint8(0)


@wp.func
def unseen_around(maps: Maps, plans: Plans, agent: int, place: int) -> CoarseWorth:
    """Unseen surface in m² along coarse rays all around: floor and ceiling, and walls that end the view."""
    worth = CoarseWorth()
    cell_m, width = maps.grid.cell_m, 2.0 * wp.pi * float(COARSE) / float(RAYS)
    for ray in range(RAYS // COARSE):
        total = float(0.0)
        for step in range(maps.rays.shape[1]):
            cell = (place + maps.rays[COARSE * ray + COARSE // 2, step]) & maps.grid.mask
            occupied = is_occupied(maps, agent, cell)
            if is_news(maps, plans, agent, cell):
                depth = wp.where(occupied, WALL_M, 2.0 * cell_m)
                total += depth * float(step + 1) * cell_m * width
            if occupied:
                break
        worth[ray] = total
    return worth


@wp.func
def newly_counted(maps: Maps, plans: Plans, agent: int, place: int, first: float, last: float) -> float:
    """Unseen surface in m² that a turn between two headings shows, and that this way has not shown yet."""
    total, cell_m, way = float(0.0), maps.grid.cell_m, plans.ways[agent]
    per_turn = float(RAYS // HEADINGS)
    turned = wp.round(turns_between(first, last))
    begin = int(wp.round(per_turn * (first + wp.min(turned, 0.0)))) - RAYS // 8
    end = int(wp.round(per_turn * (first + wp.max(turned, 0.0)))) + RAYS // 8
    for ray in range(begin, wp.min(end, begin + RAYS)):
        for step in range(maps.rays.shape[1]):
            cell = (place + maps.rays[(ray + 2 * RAYS) % RAYS, step]) & maps.grid.mask
            occupied = is_occupied(maps, agent, cell)
            if plans.stamp[agent, cell] != way:
                plans.stamp[agent, cell] = way
                if is_news(maps, plans, agent, cell):
                    total += cell_m * wp.where(occupied, WALL_M, 2.0 * cell_m)
            if occupied:
                break
    return total


@wp.func
def cell_before(maps: Maps, plans: Plans, agent: int, cell: int) -> int:
    """The neighbour from which the cheapest way comes to a cell."""
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
    """Steps that the way to a place takes, without turns."""
    return float(plans.cost[agent, place]) / float(2 * STRAIGHT) * maps.grid.cell_m / STEP_M


@wp.func
def worth_of_way(maps: Maps, plans: Plans, agent: int, goal: int, heading: int) -> float:
    """Unseen surface in m² for each step that the way to a view and the view itself show, each cell once."""
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
    """Put a view in the place of the one that promises least, if it promises more."""
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
    """Of the views from a place make the one with the most unseen surface a step a candidate."""
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
    """The views that promise the most unseen surface for each step that it takes to get there."""
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
    """Of these views the one that pays most once it counts what the way there shows."""
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


@wp.kernel
def trace(maps: Maps, plans: Plans) -> None:
    """Write the way to the goal down: back from it, each time to the neighbour that it was met from."""
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


@wp.func
def is_passable(maps: Maps, plans: Plans, agent: int, start: wp.vec2, offset: wp.vec2) -> bool:
    """Whether the body fits all along an offset in metres, in half-cell steps."""
    steps = 1 + int(2.0 * wp.length(offset) / maps.grid.cell_m)
    result = bool(True)
    for step in range(1, steps + 1):
        point = start + offset * (float(step) / float(steps))
        price = price_of(maps, plans, agent, packed(maps.grid, point))
        result = result and price < ESCAPE
    return result


@wp.func
def heading_to(maps: Maps, plans: Plans, agent: int) -> float:
    """Where to head to go on along the path; at its end, where the view looks."""
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
    """The next action, one-hot; cosine and sine of the way's direction; how near and how good the goal is."""
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
