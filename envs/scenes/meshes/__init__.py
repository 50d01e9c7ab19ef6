"""Meshes of the user's own: read, checked, placed."""
