# mypy: disable-error-code="valid-type, arg-type, operator, assignment, return-value, no-untyped-def, misc"
# (inside a Warp kernel types are Warp's, which mypy takes for Python's)
"""Warp kernels of the warehouse: how vehicles drive and touch, and what their scanners see."""

from __future__ import annotations

import warp as wp

SUBSTEPS = 5
DECISION_S = 0.1
_DT = wp.constant(DECISION_S / SUBSTEPS)
_CELL = wp.constant(0.05)
_FAR = wp.constant(1.0e6)
CLEARANCE_M = wp.constant(2.0)


@wp.struct
class Floor:
    """The rasters of all layouts, padded to one size, and the vehicles' outline.

    Attributes:
        body: (2 S, X, Y) distances that bodies keep: S layouts without load, then S with it.
        scan: (S, X, Y) distances that scanners see.
        origin: (S,) world x, y of the lower left corners.
        outline: (2, P) points of the footprint without and with load, in the vehicle's frame.
        radius: (2,) distance of the farthest of them from the reference point.
    """

    body: wp.array3d(dtype=wp.float32)
    scan: wp.array3d(dtype=wp.float32)
    origin: wp.array(dtype=wp.vec2)
    outline: wp.array2d(dtype=wp.vec2)
    radius: wp.array(dtype=wp.float32)


@wp.struct
class Limits:
    """Of the vehicles; see `VehicleSpec`."""

    tricycle: wp.int32
    max_speed: wp.float32
    max_reverse: wp.float32
    max_side: wp.float32  # turn rate, or steering angle
    max_acceleration: wp.float32
    max_side_rate: wp.float32
    wheelbase: wp.float32
    latency: wp.float32
    loaded_share: wp.float32  # of the acceleration that is left with load


@wp.struct
class Movers:
    """Upright boxes that move: centre, heading and half sizes.

    Attributes:
        pose: (N, M) x, y, yaw.
        half: (N, M) half length and half width; 0 = none.
    """

    pose: wp.array2d(dtype=wp.vec3)
    half: wp.array2d(dtype=wp.vec2)


@wp.func
def distance_at(grid: wp.array3d(dtype=wp.float32), layer: int, place: wp.vec2):
    """Distance between the centres of cells, as they lie; negative outside of the raster."""
    u = place[0] / _CELL - 0.5
    v = place[1] / _CELL - 0.5
    i = int(wp.floor(u))
    j = int(wp.floor(v))
    if i < 0 or j < 0 or i >= grid.shape[1] - 1 or j >= grid.shape[2] - 1:
        return -_CELL
    a = u - float(i)
    b = v - float(j)
    low = grid[layer, i, j] * (1.0 - b) + grid[layer, i, j + 1] * b
    high = grid[layer, i + 1, j] * (1.0 - b) + grid[layer, i + 1, j + 1] * b
    return low * (1.0 - a) + high * a


@wp.func
def turned(place: wp.vec2, yaw: float):
    """A vector turned counter-clockwise."""
    c = wp.cos(yaw)
    s = wp.sin(yaw)
    return wp.vec2(c * place[0] - s * place[1], s * place[0] + c * place[1])


@wp.func
def box_distance(pose: wp.vec3, half: wp.vec2, place: wp.vec2):
    """Signed distance of a point from a box."""
    own = turned(place - wp.vec2(pose[0], pose[1]), -pose[2])
    x = wp.abs(own[0]) - half[0]
    y = wp.abs(own[1]) - half[1]
    return wp.length(wp.vec2(wp.max(x, 0.0), wp.max(y, 0.0))) + wp.min(wp.max(x, y), 0.0)


@wp.func
def clearance(
    floor: Floor, traffic: Movers, agent: int, layer: int, load: int, origin: wp.vec2, pose: wp.vec3
):
    """Distance between the footprint and what is nearest, exact below `CLEARANCE_M`; 0 or less is contact."""
    centre = wp.vec2(pose[0], pose[1])
    reach = floor.radius[load]
    least = CLEARANCE_M
    if distance_at(floor.body, layer, centre - origin) - reach < CLEARANCE_M:
        for p in range(floor.outline.shape[1]):
            at = centre + turned(floor.outline[load, p], pose[2])
            least = wp.min(least, distance_at(floor.body, layer, at - origin))
    for m in range(traffic.half.shape[1]):
        half = traffic.half[agent, m]
        box = traffic.pose[agent, m]
        if half[0] > 0.0 and box_distance(box, half, centre) - reach < CLEARANCE_M:
            least = wp.min(least, box_distance(box, half, centre))
            for p in range(floor.outline.shape[1]):
                at = centre + turned(floor.outline[load, p], pose[2])
                least = wp.min(least, box_distance(box, half, at))
    return least


@wp.func
def approach(value: float, target: float, step: float):
    """A value that follows its target by at most one step."""
    return value + wp.clamp(target - value, -step, step)


@wp.func
def advanced(pose: wp.vec3, speed: float, turn: float, dt: float):
    """VehicleMotion along the arc of constant speed and turn rate."""
    angle = turn * dt
    forward = speed * dt
    side = 0.0
    if wp.abs(angle) > 1.0e-4:
        forward = speed / turn * wp.sin(angle)
        side = speed / turn * (1.0 - wp.cos(angle))
    moved = turned(wp.vec2(forward, side), pose[2])
    return wp.vec3(pose[0] + moved[0], pose[1] + moved[1], pose[2] + angle)


@wp.func
def target_of(limits: Limits, action: wp.vec2):
    """Speed and turn rate or steering angle that an action asks for; the middle is slow ahead, never back."""
    ahead = wp.clamp(action[0], -1.0, 1.0)
    speed = (limits.max_speed + limits.max_reverse) * 0.5 * (ahead + 1.0) - limits.max_reverse
    return wp.vec2(speed, limits.max_side * wp.clamp(action[1], -1.0, 1.0))


@wp.kernel(enable_backward=False)
def drive_kernel(
    floor: Floor,
    limits: Limits,
    traffic: Movers,
    layout: wp.array(dtype=wp.int32),
    loaded: wp.array(dtype=wp.int32),
    action: wp.array(dtype=wp.vec2),
    pending: wp.array(dtype=wp.vec2),
    pose: wp.array(dtype=wp.vec3),
    twist: wp.array(dtype=wp.vec2),
    touched: wp.array(dtype=wp.int32),
    clear: wp.array(dtype=wp.float32),
):
    """Drive for one decision: commands act after the latency, bodies stop where they touch."""
    n = wp.tid()
    load = loaded[n]
    layer = layout[n] + load * floor.scan.shape[0]
    origin = floor.origin[layout[n]]
    share = 1.0
    if load == 1:
        share = limits.loaded_share
    at = pose[n]
    speed = twist[n][0]
    side = twist[n][1]
    hit = wp.int32(0)
    for k in range(SUBSTEPS):
        target = target_of(limits, action[n])
        if float(k) * _DT < limits.latency - 1.0e-6:
            target = target_of(limits, pending[n])
        speed = approach(speed, target[0], limits.max_acceleration * share * _DT)
        side = approach(side, target[1], limits.max_side_rate * _DT)
        turn = side
        if limits.tricycle == 1:
            turn = speed * wp.tan(side) / limits.wheelbase
        ahead = advanced(at, speed, turn, _DT)
        if clearance(floor, traffic, n, layer, load, origin, ahead) > 0.0:
            at = ahead
        else:
            hit = 1
            speed = 0.0
            if limits.tricycle == 0:
                side = 0.0
    pose[n] = at
    twist[n] = wp.vec2(speed, side)
    pending[n] = action[n]
    touched[n] = hit
    clear[n] = clearance(floor, traffic, n, layer, load, origin, at)


@wp.kernel(enable_backward=False)
def clearance_kernel(
    floor: Floor,
    traffic: Movers,
    layout: wp.array(dtype=wp.int32),
    loaded: wp.array(dtype=wp.int32),
    pose: wp.array(dtype=wp.vec3),
    clear: wp.array(dtype=wp.float32),
):
    """Clearance of poses (N,)."""
    n = wp.tid()
    load = loaded[n]
    layer = layout[n] + load * floor.scan.shape[0]
    clear[n] = clearance(floor, traffic, n, layer, load, floor.origin[layout[n]], pose[n])


@wp.func
def box_hit(pose: wp.vec3, half: wp.vec2, start: wp.vec2, way: wp.vec2):
    """Distance along a ray of unit length to a box; far where it misses, 0 from within."""
    own = turned(start - wp.vec2(pose[0], pose[1]), -pose[2])
    along = turned(way, -pose[2])
    enter = wp.float32(0.0)
    leave = wp.float32(_FAR)
    for axis in range(2):
        if wp.abs(along[axis]) < 1.0e-9:
            if wp.abs(own[axis]) > half[axis]:
                return _FAR
        else:
            a = (-half[axis] - own[axis]) / along[axis]
            b = (half[axis] - own[axis]) / along[axis]
            enter = wp.max(enter, wp.min(a, b))
            leave = wp.min(leave, wp.max(a, b))
    if enter > leave:
        return _FAR
    return enter


@wp.func
def free_way(grid: wp.array3d(dtype=wp.float32), layer: int, start: wp.vec2, way: wp.vec2, most: float):
    """Distance along a ray to what is blocked, at most `most`: steps as wide as the raster says are free."""
    gone = wp.float32(0.0)
    while gone < most:
        at = start + gone * way
        i = int(wp.floor(at[0] / _CELL))
        j = int(wp.floor(at[1] / _CELL))
        if i < 0 or j < 0 or i >= grid.shape[1] or j >= grid.shape[2]:
            return gone
        free = grid[layer, i, j]
        if free <= 0.0:
            return gone
        gone += wp.max(free - 0.2 * _CELL, 0.25 * _CELL)
    return most


@wp.kernel(enable_backward=False)
def scan_kernel(
    floor: Floor,
    traffic: Movers,
    layout: wp.array(dtype=wp.int32),
    pose: wp.array(dtype=wp.vec3),
    angle: wp.array(dtype=wp.float32),
    forward: float,
    most: float,
    noise: float,
    dropout: float,
    seed: wp.array(dtype=wp.int32),
    ranges: wp.array2d(dtype=wp.float32),
):
    """Distances (N, R) that scanners see, with noise; `most` where a ray meets nothing, or is lost."""
    n, r = wp.tid()
    at = pose[n]
    start = wp.vec2(at[0], at[1]) + turned(wp.vec2(forward, 0.0), at[2])
    way = wp.vec2(wp.cos(at[2] + angle[r]), wp.sin(at[2] + angle[r]))
    seen = free_way(floor.scan, layout[n], start - floor.origin[layout[n]], way, most)
    for m in range(traffic.half.shape[1]):
        if traffic.half[n, m][0] > 0.0:
            seen = wp.min(seen, box_hit(traffic.pose[n, m], traffic.half[n, m], start, way))
    random = wp.rand_init(seed[n], r)
    if seen < most:
        seen = wp.clamp(seen + noise * wp.randn(random), 0.0, most)
    if wp.randf(random) < dropout:
        seen = most
    ranges[n, r] = seen


@wp.kernel(enable_backward=False)
def sight_kernel(
    floor: Floor,
    layout: wp.array(dtype=wp.int32),
    pose: wp.array(dtype=wp.vec3),
    goal: wp.array(dtype=wp.vec2),
    most: float,
    seen: wp.array(dtype=wp.int32),
):
    """Whether nothing that scanners see stands between a vehicle and a place within `most` metres."""
    n = wp.tid()
    start = wp.vec2(pose[n][0], pose[n][1])
    ahead = goal[n] - start
    far = wp.max(wp.length(ahead), 1.0e-6)
    way = ahead / far
    seen[n] = 0
    if (
        far <= most
        and free_way(floor.scan, layout[n], start - floor.origin[layout[n]], way, far) >= far - 0.1
    ):
        seen[n] = 1
