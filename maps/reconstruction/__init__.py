"""The persistent reconstruction: a sparse TSDF that renders the frames that it expects."""

from robonav.maps.reconstruction.tsdf import Pinhole, Reconstruction

__all__ = ["Pinhole", "Reconstruction"]
