// The loop over samples of a window's place. `own_map_kernels.py` gives it to Warp ahead of its own code,
// which has the struct Grid: so its type is a template parameter.

namespace spatial_memory {

// The means of what an agent's map shows around a place of its windows, one a scale.
template <class Grid>
CUDA_CALLABLE inline void look(const Grid& grid, int agent, int heading, int place, int here,
    const wp::array_t<int>& offsets, const wp::array_t<int>& log2_samples,
    const wp::array_t<wp::vec_t<2, wp::uint8>>& summary,
    const wp::array_t<wp::vec_t<2, wp::uint8>>& windows) {
    const int area = windows.shape[1], scales = windows.shape[2];
    const int* offset = offsets.data + heading * offsets.shape[1] + place;
    const auto* map = summary.data + (size_t)agent * summary.shape[1];
    auto* window = windows.data + (size_t)(agent * area + place) * scales;
    for (int scale = 0; scale < scales; ++scale) {
        const int halvings = log2_samples.data[scale];
        int obstacle = 0, seen = 0;
        for (int k = 0; k < 1 << halvings; ++k, offset += area) {
            const auto known = map[(here + *offset) & grid.mask];
            obstacle += known[0];
            seen += known[1];
        }
        window[scale] = wp::vec_t<2, wp::uint8>(obstacle >> halvings, seen >> halvings);
    }
}

}  // namespace spatial_memory
