"""The persistent reconstruction: a sparse TSDF that tells what it expects to see."""

from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction

__all__ = ["Pinhole", "Reconstruction"]
