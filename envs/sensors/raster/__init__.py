"""The rasteriser: faster than rays for scenes of few triangles."""
