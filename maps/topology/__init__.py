"""The topological map: places, edges, frontiers, and sub-goals among them."""
