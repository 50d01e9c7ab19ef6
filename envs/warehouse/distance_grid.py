"""Distances to what blocks, on the raster of a layout: collisions, scans and free places come from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from robonav.envs.scenes.scene import SceneError
from robonav.envs.warehouse.layout import CELL_M, WarehouseLayout
from robonav.envs.warehouse.vehicle import VehicleSpec


def distances(blocked: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Signed distances (X, Y) of cell centres from the outline of blocked cells, metres, negative inside.

    All beyond the raster is blocked. Towards a straight edge along the raster they are exact.
    """
    walled = np.pad(blocked, 1, constant_values=True)
    outside = ndimage.distance_transform_edt(~walled)
    inside = ndimage.distance_transform_edt(walled) if not walled.all() else np.ones(walled.shape)
    signed = np.where(walled, 0.5 - inside, outside - 0.5)
    return (CELL_M * signed[1:-1, 1:-1]).astype(np.float32)


@dataclass(frozen=True, eq=False)
class DistanceGrid:
    """A layout for one vehicle.

    Attributes:
        layout: The warehouse that the distances are of.
        body: (X, Y) distances in metres to what the vehicle runs into.
        loaded: (X, Y) as `body`, with load.
        scan: (X, Y) distances in metres to what its scanner sees.
    """

    layout: WarehouseLayout
    body: NDArray[np.float32]
    loaded: NDArray[np.float32]
    scan: NDArray[np.float32]

    @classmethod
    def of(cls, layout: WarehouseLayout, vehicle: VehicleSpec) -> DistanceGrid:
        """The distances for a vehicle.

        Raises:
            SceneError: No cell is free.
        """
        hit = layout.occupied(0.0, vehicle.height_m)
        hit_with_load = layout.occupied(0.0, max(vehicle.height_m, vehicle.loaded_height_m))
        seen = layout.occupied(vehicle.scanner.height_m, vehicle.scanner.height_m + 1e-3)
        body = distances(hit)
        if not (body > 0).any():
            raise SceneError(f"warehouse {layout.name} has no free floor: every cell is blocked")
        loaded = body if np.array_equal(hit, hit_with_load) else distances(hit_with_load)
        return cls(layout, body, loaded, distances(seen))
