"""Going far in two levels: a meta-controller chooses nodes of a topological map, a driver goes there."""
