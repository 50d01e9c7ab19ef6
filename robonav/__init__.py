"""robonav trains robots to explore 3D worlds they have never seen."""

__version__ = "0.1.0"
