// Adds a frame to a map, eight pixels at once; memory is asked for in advance.
//
// Three passes over the frame, some pixels apart: which pixels add something, what they add to which voxels
// (eight such pixels at once), and the additions, when the memory of the voxels has arrived.
// `integrate_cpu.py` defines the constants (names in capitals) ahead of this file, and Warp the structs of
// Python (VoxelMaps, KernelPinhole, SettlingVoxels) behind it: so their types are template parameters.

#define ALWAYS_INLINE inline __attribute__((always_inline))

namespace pixel_batches {
namespace {

typedef float floats __attribute__((ext_vector_type(8), aligned(4)));
typedef int ints __attribute__((ext_vector_type(8), aligned(4)));
typedef unsigned long long word;

constexpr ints LANES = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr int NOT_MET = 1 << 30;  // no block lies there
constexpr int FLAG = 1 << 31;     // beside the index of a voxel
constexpr int MANY = 256;         // additions that wait for their memory

ALWAYS_INLINE floats number(ints x) { return __builtin_convertvector(x, floats); }
ALWAYS_INLINE ints whole(floats x) { return __builtin_convertvector(x, ints); }
ALWAYS_INLINE floats below(floats x) { return __builtin_elementwise_floor(x); }
ALWAYS_INLINE floats magnitude(floats x) { return __builtin_elementwise_abs(x); }
ALWAYS_INLINE ints rounded(floats x) { return whole(below(x + 0.5f)); }

// Additions to distances, and to faces, that wait for their memory.
struct Sums {
    int voxel[MANY + 48], units[MANY + 48], count;
};
struct Faces {
    int voxel[MANY + 48], count;
    long long plane[MANY + 48], color[MANY + 48];
};

// The block that was looked up last, and its slot, 0 if there is none.
struct Block {
    int x, y, z, slot;
};

// Pixels that add something: points in voxels; `adds` is 0 where the map only notes that it has seen them.
struct Met {
    int pixel[16], u[16], v[16], adds[16];
    float x[16], y[16], z[16];
};

// Normals of eight pixels, and what they add to a face: plane (without its offset) and colour.
struct Surface {
    floats nx, ny, nz;
    long long colors[8], planes[8];
};

// The frame of one environment, on its way into the map.
template <class Grid, class Camera, class Ripe>
struct Integration {
    const Grid grid;  // a copy: what is written through pointers cannot change it
    const Camera camera;
    const wp::mat44 pose;
    const Ripe ripe;
    const float* const depth;  // of this environment, as is all that follows
    const wp::vec_t<3, wp::uint8>* const rgb;
    wp::uint8* const waiting;  // a bit a step that found no block
    int& failures;
    const int env, frame, retry;
    const int width, height, pitch, steps;
    float* const inverses;  // of depths, with a border
    word* const table;
    Sums sums;
    Faces faces;
    Block last[8];  // of each step, and of the points
    Met met;
    int num_met = 0;

    ALWAYS_INLINE Integration(const Grid& grid, const Camera& camera, const wp::mat44& pose, const Ripe& ripe,
        const float* depth, const wp::vec_t<3, wp::uint8>* rgb, wp::uint8* waiting, int& failures, int env,
        int frame, int retry, float* scratch)
        : grid(grid),
          camera(camera),
          pose(pose),
          ripe(ripe),
          depth(depth),
          rgb(rgb),
          waiting(waiting),
          failures(failures),
          env(env),
          frame(frame),
          retry(retry),
          width(camera.width),
          height(camera.height),
          pitch(camera.width + 2),
          steps(grid.front + 2),
          inverses(scratch + pitch + 1),
          table(grid.table.data + (long long)env * grid.capacity) {
        sums.count = faces.count = 0;
        for (auto& block : last) block = {NOT_MET, 0, 0, 0};
    }

    ALWAYS_INLINE void invert_depths() const {
        for (int v = -1; v <= height; ++v) {
            const float* const row = depth + v * width;
            for (int u = -1; u <= width; ++u) inverses[v * pitch + u] = 1.0e6f;
            if (v < 0 || v == height) continue;
            for (int u = 0; u < width; ++u) inverses[v * pitch + u] = row[u] > 0.0f ? 1.0f / row[u] : 1.0e6f;
        }
    }

    // Make the additions that wait.
    void add_all() {
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
    }

    // The slot of a block, 0 if there is none and none can be inserted.
    int find(int x, int y, int z, bool insert) const {
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
    }

    ALWAYS_INLINE int slot_of(int step, int x, int y, int z, bool insert) {
        Block& block = last[step];
        if (x != block.x || y != block.y || z != block.z || (insert && !block.slot))
            block = {x, y, z, find(x, y, z, insert)};
        return block.slot;
    }

    // Normals of the first pixels met, from the gradients of inverse depth, which are constant on a plane.
    ALWAYS_INLINE void find_normals(int count, Surface& surface) const {
        floats here, left, right, above, under;
        for (int k = 0; k < 8; ++k) {
            const float* const at = inverses + (k < count ? met.v[k] * pitch + met.u[k] : 0);
            here[k] = at[0], left[k] = at[-1], right[k] = at[1], above[k] = at[-pitch], under[k] = at[pitch];
        }
        auto gradient = [&](floats before, floats after) {
            const floats back = here - before, ahead = after - here;
            return magnitude(ahead) < magnitude(back) ? ahead : back;
        };
        const floats x = (number(*(const ints*)met.u) + (0.5f - camera.cx)) / camera.fx;
        const floats y = (number(*(const ints*)met.v) + (0.5f - camera.cy)) / camera.fy;
        floats gx = camera.fx * gradient(left, right), gy = camera.fy * gradient(above, under);
        floats gz = here - gx * x - gy * y;
        const floats squared = gx * gx + gy * gy + gz * gz;
        const ints flat = here * here < GRAZING * GRAZING * squared * (1.0f + x * x + y * y);
        gx = flat ? x : gx;
        gy = flat ? y : gy;
        gz = flat ? floats(1.0f) : gz;
        const floats scale = -1.0f / __builtin_elementwise_sqrt(gx * gx + gy * gy + gz * gz);
        auto turned = [&](const float* row) { return (row[0] * gx + row[1] * gy + row[2] * gz) * scale; };
        surface.nx = turned(pose.data[0]), surface.ny = turned(pose.data[1]),
        surface.nz = turned(pose.data[2]);
    }

    // What the first eight pixels met add to a face.
    ALWAYS_INLINE void find_faces(Surface& surface) const {
        const ints whole_x = rounded(surface.nx * PLANE_UNITS);
        const ints whole_y = rounded(surface.ny * PLANE_UNITS), whole_z = rounded(surface.nz * PLANE_UNITS);
        for (int k = 0; k < 8; ++k) {
            const auto& seen = rgb[met.pixel[k]];
            const word blue_green = (word(seen[2]) << COLOR_BITS) | seen[1];
            surface.colors[k] = (((blue_green << COLOR_BITS) | seen[0]) << NEAR_BITS) | 1;
            const auto xy = ((long long)whole_x[k] << PLANE_BITS) + whole_y[k];
            surface.planes[k] = ((xy << PLANE_BITS) + whole_z[k]) << PLANE_BITS;
        }
    }

    // Queue what the first pixels met add to the voxels so many steps along their normals.
    ALWAYS_INLINE void add_step(int step, int count, const Surface& surface, int* missed) {
        const floats px = *(floats*)met.x, py = *(floats*)met.y, pz = *(floats*)met.z;
        const floats nx = surface.nx, ny = surface.ny, nz = surface.nz;
        const float front = grid.front;
        const floats fx = below(px + nx * (step - 1.0f)), fy = below(py + ny * (step - 1.0f));
        const floats fz = below(pz + nz * (step - 1.0f));
        const floats sdf = nx * (fx + 0.5f - px) + ny * (fy + 0.5f - py) + nz * (fz + 0.5f - pz);
        const floats kept = sdf < front ? sdf : floats(front);
        const ints units = rounded(kept * SDF_UNITS), offset = rounded(kept * PLANE_UNITS);
        const ints wanted = (sdf >= -BEHIND) & (LANES < count), near = magnitude(kept) <= COLOR_BAND;
        // where nothing is wanted, the point's own voxel stands in, so that nothing has to branch
        const ints jx = whole(wanted ? fx : below(px)), jy = whole(wanted ? fy : below(py));
        const ints jz = whole(wanted ? fz : below(pz));
        const ints bx = jx >> 3, by = jy >> 3, bz = jz >> 3;
        const ints within = ((jx & 7) << 6) | ((jy & 7) << 3) | (jz & 7);
        const ints tagged = within | (magnitude(kept) <= 1.0f ? ints(FLAG) : ints(0));
        const ints inside = within | (step == 1 ? FLAG : 0);
        const ints add = wanted & *(ints*)met.adds, add_near = add & near;
        long long plane[8];
        for (int k = 0; k < 8; ++k) plane[k] = step == 1 ? surface.planes[k] + offset[k] : 0;
        for (int k = 0; k < count; ++k) {
            int does = wanted[k];
            if (retry) does &= waiting[met.pixel[k]] >> step & 1 ? -1 : 0;
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
            faces.color[faces.count] = surface.colors[k];
            faces.count += does & add_near[k] & 1;
        }
    }

    // Queue what the first pixels met, up to eight, add to the map.
    void add_eight(int count) {
        Surface surface;
        find_normals(count, surface);
        find_faces(surface);
        int missed[8] = {};
        for (int step = 0; step < steps; ++step) add_step(step, count, surface, missed);
        for (int k = 0; k < count; ++k)
            if (retry || missed[k]) {
                waiting[met.pixel[k]] = missed[k];
                failures += missed[k] != 0;
            }
        if (sums.count > MANY) add_all();
    }

    ALWAYS_INLINE void drop_eight() {
        num_met -= 8;
        for (int k = 0; k < 8; ++k) {
            met.pixel[k] = met.pixel[k + 8], met.u[k] = met.u[k + 8], met.v[k] = met.v[k + 8];
            met.x[k] = met.x[k + 8], met.y[k] = met.y[k + 8], met.z[k] = met.z[k + 8];
            met.adds[k] = met.adds[k + 8];
        }
    }

    // Of eight valid points, bits of those whose voxels have not settled.
    ALWAYS_INLINE int unsettled(floats px, floats py, floats pz, ints valid) {
        const ints ix = whole(below(px)), iy = whole(below(py)), iz = whole(below(pz));
        const ints bx = ix >> 3, by = iy >> 3, bz = iz >> 3;
        const ints column = ix & 7, bit = ((iy & 7) << 3) | (iz & 7);
        int adds = 0;
        for (int k = 0; k < 8; ++k) {
            if (!valid[k]) continue;
            const int slot = slot_of(7, bx[k], by[k], bz[k], false);
            adds |= (~(grid.settled.data[slot * 8 + column[k]] >> bit[k]) & 1) << k;
        }
        return adds;
    }

    ALWAYS_INLINE wp::vec3 turn(float x, float y, float z) const {
        const auto& row = pose.data;
        return wp::vec3(row[0][0] * x + row[0][1] * y + row[0][2] * z,
            row[1][0] * x + row[1][1] * y + row[1][2] * z, row[2][0] * x + row[2][1] * y + row[2][2] * z);
    }

    // Take in up to eight pixels of row v from column `begin` on: points eye + (ray + to_right * u) * depth.
    ALWAYS_INLINE void take_pixels(
        int v, int begin, const wp::vec3& eye, const wp::vec3& ray, const wp::vec3& to_right) {
        const float* const row = depth + v * width;
        floats d = 0.0f;
        if (width - begin >= 8)
            d = *(const floats*)(row + begin);
        else
            for (int k = 0; k < width - begin; ++k) d[k] = row[begin + k];
        const floats u = number(LANES + begin) + 0.5f;
        const floats px = eye[0] + (ray[0] + to_right[0] * u) * d;
        const floats py = eye[1] + (ray[1] + to_right[1] * u) * d;
        const floats pz = eye[2] + (ray[2] + to_right[2] * u) * d;
        const ints valid = (d > 0.0f) & (d <= camera.max_depth) & (magnitude(px) < REACH)
                           & (magnitude(py) < REACH) & (magnitude(pz) < REACH);
        if (!__builtin_reduce_or(valid)) return;
        const int adds = unsettled(px, py, pz, valid);
        int takes = 0;
        for (int k = 0; k < 8; ++k) takes |= valid[k] & (1 << k);
        if (!grid.forgets) takes = adds;
        for (; takes; takes &= takes - 1) {
            const int k = __builtin_ctz(takes), pixel = v * width + begin + k;
            if (retry && !waiting[pixel]) continue;
            met.adds[num_met] = adds >> k & 1 ? -1 : 0;
            met.pixel[num_met] = pixel;
            met.u[num_met] = begin + k;
            met.v[num_met] = v;
            met.x[num_met] = px[k];
            met.y[num_met] = py[k];
            met.z[num_met++] = pz[k];
        }
        if (num_met < 8) return;
        add_eight(8);
        drop_eight();
    }

    ALWAYS_INLINE void take_frame() {
        invert_depths();
        const wp::vec3 to_right = turn(1.0f / camera.fx, 0.0f, 0.0f) * grid.inv_voxel;
        const wp::vec3 eye = wp::vec3(pose.data[0][3], pose.data[1][3], pose.data[2][3]) * grid.inv_voxel;
        for (int v = 0; v < height; ++v) {
            const float y = (v + 0.5f - camera.cy) / camera.fy;
            const wp::vec3 ray = turn(-camera.cx / camera.fx, y, 1.0f) * grid.inv_voxel;
            for (int begin = 0; begin < width; begin += 8) take_pixels(v, begin, eye, ray, to_right);
        }
        for (int k = num_met; k < 8; ++k) met.pixel[k] = 0;  // of which nothing is added
        add_eight(num_met);
        add_all();
    }
};

// Add an environment's frame to its map; depth, rgb, waiting and scratch are those of all environments.
template <class Grid, class Camera, class Ripe>
void integrate(const Grid& grid, const Camera& camera, const wp::mat44& pose, const Ripe& ripe,
    const float* depth, const wp::vec_t<3, wp::uint8>* rgb, wp::uint8* waiting, int* failures, int env,
    int frame, int retry, float* scratch) {
    const int first = env * camera.height * camera.width;
    Integration<Grid, Camera, Ripe> integration(grid, camera, pose, ripe, depth + first, rgb + first,
        waiting + first, failures[env], env, frame, retry,
        scratch + env * (camera.height + 2) * (camera.width + 2));
    integration.take_frame();
}

}  // namespace
}  // namespace pixel_batches
