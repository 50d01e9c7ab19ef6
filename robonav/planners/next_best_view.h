// Loops over cells of the policy's own map. Python gives them to Warp ahead of its own code, which has the
// structs Maps and Plans: so their types are template parameters.

namespace guidance {

// Squared distance in cells of what is occupied nearest to a cell, of those up to `reach` cells off; else
// `none`.
template <class Maps>
CUDA_CALLABLE inline int nearest_occupied(
    const Maps& maps, int agent, int cell, int reach, int occupied_above, int none) {
    const auto* map = maps.summary.data + (size_t)agent * maps.summary.shape[1];
    const int last = maps.grid.cells - 1;
    int nearest = none;
    for (int dx = -reach; dx <= reach; ++dx) {
        const int beside = cell + (dx & last) * 2 * maps.grid.cells;
        for (int dy = -reach; dy <= reach; ++dy) {
            const int other = (beside + (dy & last)) & maps.grid.mask, squared = dx * dx + dy * dy;
            if (map[other][0] > occupied_above && squared < nearest) nearest = squared;
        }
    }
    return nearest;
}

// What one agent knows of cells; thresholds are of 255.
struct Known {
    const wp::vec_t<2, wp::uint8>* map;  // how occupied, how seen
    const wp::uint8* given_up;
    int occupied_above, seen_above;

    CUDA_CALLABLE bool is_occupied(int cell) const { return map[cell][0] > occupied_above; }

    // Neither seen nor given up.
    CUDA_CALLABLE bool is_news(int cell) const { return map[cell][1] <= seen_above && !given_up[cell]; }
};

template <class Maps, class Plans>
CUDA_CALLABLE inline Known known_to(
    const Maps& maps, const Plans& plans, int agent, int occupied_above, int seen_above) {
    return {maps.summary.data + (size_t)agent * maps.summary.shape[1],
        plans.given_up.data + (size_t)agent * plans.given_up.shape[1], occupied_above, seen_above};
}

// Unseen surface in m2 along a ray that stands for so wide an angle.
template <class Maps>
CUDA_CALLABLE inline float unseen_along(
    const Known& known, const Maps& maps, int place, int ray, float wall_m, float floor_m, float width) {
    const int* offset = maps.rays.data + (size_t)ray * maps.rays.shape[1];
    float total = 0.0f;
    for (int step = 1; step <= maps.rays.shape[1]; ++step, ++offset) {
        const int cell = (place + *offset) & maps.grid.mask;
        const bool occupied = known.is_occupied(cell);
        if (known.is_news(cell)) {
            const float surface = (occupied ? wall_m : floor_m) * (float)step * maps.grid.cell_m * width;
            total += surface;
        }
        if (occupied) break;
    }
    return total;
}

// Unseen surface in m2 of the cells along these rays that were not counted on this way yet: `stamp` tells.
template <class Maps>
CUDA_CALLABLE inline float newly_counted_along(const Known& known, const Maps& maps, int* stamp, int place,
    int way, int begin, int end, float wall_m2, float floor_m2) {
    const int rays = maps.rays.shape[0], reach = maps.rays.shape[1], mask = maps.grid.mask;
    float total = 0.0f;
    for (int ray = begin; ray < end; ++ray) {
        const int* offset = maps.rays.data + (size_t)((ray + 2 * rays) % rays) * reach;
        for (int step = 0; step < reach; ++step) {
            const int cell = (place + offset[step]) & mask;
            const bool occupied = known.is_occupied(cell);
            if (stamp[cell] != way) {
                stamp[cell] = way;
                if (known.is_news(cell)) total += occupied ? wall_m2 : floor_m2;
            }
            if (occupied) break;
        }
    }
    return total;
}

}  // namespace guidance
