"""Two-level navigation: a meta-controller chooses nodes of a topological map, a navigator drives there."""
