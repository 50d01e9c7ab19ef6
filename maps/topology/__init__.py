"""The topological map: places, paths between them, frontiers, and the sub-goals among them."""
