"""The integration kernel of a CPU, in C++: eight pixels at once, and memory is asked for in advance."""

# Warp's dialect: array types are calls.
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

from robonav.maps.reconstruction.blocks import (
    AXIS_BITS,
    AXIS_HALF,
    COLOR_BITS,
    COUNT_BITS,
    HASH,
    MAX_NEAR,
    MAX_OBSERVATIONS,
    NEAR_BITS,
    PLANE_BITS,
    PLANE_UNITS,
    REACH,
    SDF_UNITS,
    SETTLED,
    SLOT_BITS,
    Camera,
    Grid,
)
from robonav.maps.reconstruction.integrate import BEHIND, COLOR_BAND, GRAZING, Ripe

_BEGINNING = f"""
    typedef float floats __attribute__((ext_vector_type(8), aligned(4)));
    typedef int ints __attribute__((ext_vector_type(8), aligned(4)));
    typedef unsigned long long word;
    const int AXIS_BITS = {AXIS_BITS}, AXIS_HALF = {AXIS_HALF}, SLOT_BITS = {SLOT_BITS};
    const int COLOR_BITS = {COLOR_BITS}, COUNT_BITS = {COUNT_BITS}, NEAR_BITS = {NEAR_BITS};
    const int PLANE_BITS = {PLANE_BITS}, SETTLED = {SETTLED};
    const int MAX_NEAR = {MAX_NEAR}, MAX_OBSERVATIONS = {MAX_OBSERVATIONS};
    const float REACH = {REACH}f, BEHIND = {BEHIND}f, COLOR_BAND = {COLOR_BAND}f, GRAZING = {GRAZING}f;
    const float SDF_UNITS = {SDF_UNITS}f, PLANE_UNITS = {PLANE_UNITS}f;
    const word HASH = {HASH}ull;
"""

# Three passes over the frame, some pixels apart: which pixels add something, what they add to which voxels
# (eight such pixels at once), and the additions, when the memory of the voxels has arrived.
_INTEGRATE = """
    const int NOT_MET = 1 << 30, FLAG = 1 << 31;  // a flag beside the index of a voxel
    const ints lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    auto number = [](ints x) { return __builtin_convertvector(x, floats); };
    auto whole = [](floats x) { return __builtin_convertvector(x, ints); };
    auto below = [](floats x) { return __builtin_elementwise_floor(x); };
    auto magnitude = [](floats x) { return __builtin_elementwise_abs(x); };
    auto rounded = [&](floats x) { return whole(below(x + 0.5f)); };
    const int width = camera.width, height = camera.height, steps = grid.front + 2;
    const float front = grid.front;

    const int pitch = width + 2;
    float* const inverses = scratch.data + env * (height + 2) * pitch + pitch + 1;  // of depths, bordered
    for (int v = -1; v <= height; ++v) {
        const float* const row = depth.data + (env * height + v) * width;
        for (int u = -1; u <= width; ++u) inverses[v * pitch + u] = 1.0e6f;
        if (v < 0 || v == height) continue;
        for (int u = 0; u < width; ++u) inverses[v * pitch + u] = row[u] > 0.0f ? 1.0f / row[u] : 1.0e6f;
    }

    const int MANY = 256;  // additions that wait for their memory
    struct { int voxel[MANY + 48], units[MANY + 48], count; } sums;
    struct { int voxel[MANY + 48], count; long long plane[MANY + 48], color[MANY + 48]; } faces;
    sums.count = faces.count = 0;
    auto add_all = [&] {
        for (int k = 0; k < sums.count; ++k) {
            const int i = sums.voxel[k] & ~FLAG;
            auto& sum = grid.sums.data[i];
            const auto one = ((long long)sums.units[k] << COUNT_BITS) + 1;
            sum += (sum & ((1 << COUNT_BITS) - 1)) < MAX_OBSERVATIONS ? one : 0;
            grid.known.data[i >> 6] |= 1ull << (i & 63);
            grid.surface.data[i >> 6] |= word(sums.voxel[k] < 0) << (i & 63);
        }
        for (int k = 0; k < faces.count; ++k) {
            const int i = faces.voxel[k] & ~FLAG;
            auto& face = grid.faces.data[i];
            const int near = face[1] & ((1 << NEAR_BITS) - 1);
            face[0] += near < MAX_NEAR ? faces.plane[k] : 0;
            face[1] += near < MAX_NEAR ? faces.color[k] : 0;
            grid.faced.data[i >> 6] |= word(faces.voxel[k] < 0) << (i & 63);
            if (near == SETTLED - 1) wp::index(ripe.voxels, env, ripe.count.data[env]++) = i;
        }
        sums.count = faces.count = 0;
    };

    word* const table = grid.table.data + (long long)env * grid.capacity;
    auto find = [&](int x, int y, int z, bool insert) {
        const word xy = (word(x + AXIS_HALF) << AXIS_BITS) | word(y + AXIS_HALF);
        const word key = (xy << AXIS_BITS) | word(z + AXIS_HALF);
        int i = (key * HASH) >> grid.shift;
        for (; table[i]; i = (i + 1) & (grid.capacity - 1))
            if (table[i] >> SLOT_BITS == key) return (int)(table[i] & ((1 << SLOT_BITS) - 1));
        if (!insert) return 0;
        const int count = grid.used.data[env]++;
        if (count >= grid.assigned.data[env]) return 0;
        const int slot = wp::index(grid.slots, env, count);
        table[i] = (key << SLOT_BITS) | word(slot);
        grid.places.data[slot] = wp::vec_t<3, wp::int32>(x, y, z);
        return slot;
    };
    struct { int x, y, z, slot; } last[8];  // block of the last voxel of each step, and of the points
    for (auto& block : last) block = {NOT_MET, 0, 0, 0};
    auto slot_of = [&](int step, int x, int y, int z, bool insert) {
        auto& block = last[step];
        if (x != block.x || y != block.y || z != block.z || (insert && !block.slot))
            block = {x, y, z, find(x, y, z, insert)};
        return block.slot;
    };

    struct { int pixel[16], u[16], v[16], adds[16]; float x[16], y[16], z[16]; } met;  // pixels to be added
    auto add_eight = [&](int count) {
        const floats px = *(floats*)met.x, py = *(floats*)met.y, pz = *(floats*)met.z;
        floats here, left, right, above, under;
        for (int k = 0; k < 8; ++k) {
            const float* const at = inverses + (k < count ? met.v[k] * pitch + met.u[k] : 0);
            here[k] = at[0], left[k] = at[-1], right[k] = at[1], above[k] = at[-pitch], under[k] = at[pitch];
        }
        auto gradient = [&](floats before, floats after) {
            const floats back = here - before, ahead = after - here;
            return magnitude(ahead) < magnitude(back) ? ahead : back;
        };
        const floats x = (number(*(ints*)met.u) + (0.5f - camera.cx)) / camera.fx;
        const floats y = (number(*(ints*)met.v) + (0.5f - camera.cy)) / camera.fy;
        floats gx = camera.fx * gradient(left, right), gy = camera.fy * gradient(above, under);
        floats gz = here - gx * x - gy * y;
        const floats squared = gx * gx + gy * gy + gz * gz;
        const ints flat = here * here < GRAZING * GRAZING * squared * (1.0f + x * x + y * y);
        gx = flat ? x : gx;
        gy = flat ? y : gy;
        gz = flat ? floats(1.0f) : gz;
        const floats scale = -1.0f / __builtin_elementwise_sqrt(gx * gx + gy * gy + gz * gz);
        auto turned = [&](const float* row) { return (row[0] * gx + row[1] * gy + row[2] * gz) * scale; };
        const floats nx = turned(pose.data[0]), ny = turned(pose.data[1]), nz = turned(pose.data[2]);
        const ints whole_x = rounded(nx * PLANE_UNITS);
        const ints whole_y = rounded(ny * PLANE_UNITS), whole_z = rounded(nz * PLANE_UNITS);
        long long colors[8], planes[8];
        for (int k = 0; k < 8; ++k) {
            const auto& seen = rgb.data[met.pixel[k]];
            const word blue_green = (word(seen[2]) << COLOR_BITS) | seen[1];
            colors[k] = (((blue_green << COLOR_BITS) | seen[0]) << NEAR_BITS) | 1;
            const auto xy = ((long long)whole_x[k] << PLANE_BITS) + whole_y[k];
            planes[k] = ((xy << PLANE_BITS) + whole_z[k]) << PLANE_BITS;
        }
        const ints own_x = whole(below(px)), own_y = whole(below(py)), own_z = whole(below(pz));
        int missed[8] = {};
        for (int step = 0; step < steps; ++step) {
            const floats fx = below(px + nx * (step - 1.0f)), fy = below(py + ny * (step - 1.0f));
            const floats fz = below(pz + nz * (step - 1.0f));
            const floats sdf = nx * (fx + 0.5f - px) + ny * (fy + 0.5f - py) + nz * (fz + 0.5f - pz);
            const floats kept = sdf < front ? sdf : floats(front);
            const ints units = rounded(kept * SDF_UNITS), offset = rounded(kept * PLANE_UNITS);
            const ints wanted = (sdf >= -BEHIND) & (lanes < count), near = magnitude(kept) <= COLOR_BAND;
            // where nothing is wanted, the point's own voxel stands in, so that nothing has to branch
            const ints jx = wanted ? whole(fx) : own_x, jy = wanted ? whole(fy) : own_y;
            const ints jz = wanted ? whole(fz) : own_z;
            const ints bx = jx >> 3, by = jy >> 3, bz = jz >> 3;
            const ints within = ((jx & 7) << 6) | ((jy & 7) << 3) | (jz & 7);
            const ints tagged = within | (magnitude(kept) <= 1.0f ? ints(FLAG) : ints(0));
            const ints inside = within | (step == 1 ? FLAG : 0);
            const ints add = wanted & *(ints*)met.adds, add_near = add & near;
            long long plane[8];
            for (int k = 0; k < 8; ++k) plane[k] = step == 1 ? planes[k] + offset[k] : 0;
            for (int k = 0; k < count; ++k) {
                int does = wanted[k];
                if (retry) does &= waiting.data[met.pixel[k]] >> step & 1 ? -1 : 0;
                const int slot = slot_of(step, bx[k], by[k], bz[k], does);
                if (!slot && does) missed[k] |= 1 << step;
                does = slot ? does : 0;
                const int block = slot << 9, i = block | within[k];
                if (grid.forgets && does) grid.stamp.data[i] = frame;
                __builtin_prefetch(grid.sums.data + i, 1);
                __builtin_prefetch(grid.faces.data + (near[k] ? i : 0), 1);
                sums.voxel[sums.count] = block | tagged[k];
                sums.units[sums.count] = units[k];
                sums.count += does & add[k] & 1;
                faces.voxel[faces.count] = block | inside[k];
                faces.plane[faces.count] = plane[k];
                faces.color[faces.count] = colors[k];
                faces.count += does & add_near[k] & 1;
            }
        }
        for (int k = 0; k < count; ++k)
            if (retry || missed[k]) {
                waiting.data[met.pixel[k]] = missed[k];
                failures.data[env] += missed[k] != 0;
            }
        if (sums.count > MANY) add_all();
    };

    auto turn = [&](float x, float y, float z) {
        const auto& row = pose.data;
        return wp::vec3(row[0][0] * x + row[0][1] * y + row[0][2] * z,
            row[1][0] * x + row[1][1] * y + row[1][2] * z, row[2][0] * x + row[2][1] * y + row[2][2] * z);
    };
    const wp::vec3 to_right = turn(1.0f / camera.fx, 0.0f, 0.0f) * grid.inv_voxel;
    const wp::vec3 eye = wp::vec3(pose.data[0][3], pose.data[1][3], pose.data[2][3]) * grid.inv_voxel;
    int num_met = 0;
    for (int v = 0; v < height; ++v) {
        const float y = (v + 0.5f - camera.cy) / camera.fy;
        const wp::vec3 ray = turn(-camera.cx / camera.fx, y, 1.0f) * grid.inv_voxel;
        const int row = (env * height + v) * width;
        for (int begin = 0; begin < width; begin += 8) {
            floats d = 0.0f;
            if (width - begin >= 8) d = *(const floats*)(depth.data + row + begin);
            else for (int k = 0; k < width - begin; ++k) d[k] = depth.data[row + begin + k];
            const floats u = number(lanes + begin) + 0.5f;
            const floats px = eye[0] + (ray[0] + to_right[0] * u) * d;
            const floats py = eye[1] + (ray[1] + to_right[1] * u) * d;
            const floats pz = eye[2] + (ray[2] + to_right[2] * u) * d;
            const ints valid = (d > 0.0f) & (d <= camera.max_depth)
                & (magnitude(px) < REACH) & (magnitude(py) < REACH) & (magnitude(pz) < REACH);
            if (!__builtin_reduce_or(valid)) continue;
            const ints ix = whole(below(px)), iy = whole(below(py)), iz = whole(below(pz));
            const ints bx = ix >> 3, by = iy >> 3, bz = iz >> 3;
            const ints column = ix & 7, bit = ((iy & 7) << 3) | (iz & 7);
            int adds = 0, takes = 0;  // a bit a pixel
            for (int k = 0; k < 8; ++k) {
                if (!valid[k]) continue;
                const int slot = slot_of(7, bx[k], by[k], bz[k], false);
                adds |= (~(grid.settled.data[slot * 8 + column[k]] >> bit[k]) & 1) << k;
                takes |= 1 << k;
            }
            if (!grid.forgets) takes = adds;
            for (; takes; takes &= takes - 1) {
                const int k = __builtin_ctz(takes), pixel = row + begin + k;
                if (retry && !waiting.data[pixel]) continue;
                met.adds[num_met] = adds >> k & 1 ? -1 : 0;
                met.pixel[num_met] = pixel;
                met.u[num_met] = begin + k;
                met.v[num_met] = v;
                met.x[num_met] = px[k];
                met.y[num_met] = py[k];
                met.z[num_met++] = pz[k];
            }
            if (num_met < 8) continue;
            add_eight(8);
            num_met -= 8;
            for (int k = 0; k < 8; ++k) {
                met.pixel[k] = met.pixel[k + 8], met.u[k] = met.u[k + 8], met.v[k] = met.v[k + 8];
                met.x[k] = met.x[k + 8], met.y[k] = met.y[k + 8], met.z[k] = met.z[k + 8];
                met.adds[k] = met.adds[k + 8];
            }
        }
    }
    for (int k = num_met; k < 8; ++k) met.pixel[k] = env * height * width;  // of which nothing is added
    add_eight(num_met);
    add_all();
"""


@wp.func_native(_BEGINNING + _INTEGRATE)
def integrate(
    grid: Grid,
    camera: Camera,
    pose: wp.mat44,
    depth: wp.array(dtype=float),
    env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    frame: int,
    retry: int,
    scratch: wp.array(dtype=float),
    waiting: wp.array(dtype=wp.uint8),
    failures: wp.array(dtype=wp.int32),
    ripe: Ripe,
) -> None:
    """Add a frame to a map, as `integrate_kernel` of `kernels` does."""


@wp.kernel(enable_backward=False)
def integrate_kernel(
    grid: Grid,
    camera: Camera,
    poses: wp.array(dtype=wp.mat44),
    depth: wp.array(dtype=float),
    first_env: int,
    rgb: wp.array(dtype=wp.vec3ub),
    frames: wp.array(dtype=wp.int32),
    retry: int,
    waiting: wp.array(dtype=wp.uint8),
    failures: wp.array(dtype=wp.int32),
    ripe: Ripe,
    scratch: wp.array(dtype=float),
):
    """What `integrate_kernel` of `kernels` does; one thread takes in one frame."""
    env = first_env + wp.tid()
    integrate(
        grid,
        camera,
        poses[env],
        depth,
        env,
        rgb,
        frames[env],
        retry,
        scratch,
        waiting,
        failures,
        ripe,
    )
