"""Cameras in the map and view tests, for Warp kernels; lengths are in voxels."""

# Warp's dialect: array types are calls.
# mypy: ignore-errors

from __future__ import annotations

import warp as wp

from robonav.maps.reconstruction.blocks import BLOCK, KernelPinhole, VoxelMaps, pixel_step, row_ray

HALF = 0.6  # voxels from its centre to where a face ends; what is beyond its cube closes small holes
YIELD = 1.0  # voxels by which what is beyond the cube yields to faces that are not
NEAREST = 0.05  # voxels before the camera below which a face's image is not bounded
BLOCK_RADIUS = 0.87 * BLOCK + 1.0  # voxels from a block's centre within which its faces lie
PADDING = 8  # words behind an image's last that its drawing may read and write back


@wp.struct
class CameraView:
    """A camera in the world, lengths in voxels."""

    origin: wp.vec3
    right: wp.vec3
    down: wp.vec3
    forward: wp.vec3
    corner: wp.vec3  # ray, one voxel deep, through the centre of the first pixel
    along_u: wp.vec3  # change of the ray from a pixel to its right neighbour
    along_v: wp.vec3  # and to the one below


@wp.func
def view_of(grid: VoxelMaps, camera: KernelPinhole, pose: wp.mat44) -> CameraView:
    """The camera at a pose."""
    view = CameraView()
    view.origin = wp.vec3(pose[0, 3], pose[1, 3], pose[2, 3]) * grid.inv_voxel
    view.right = wp.vec3(pose[0, 0], pose[1, 0], pose[2, 0])
    view.down = wp.vec3(pose[0, 1], pose[1, 1], pose[2, 1])
    view.forward = wp.vec3(pose[0, 2], pose[1, 2], pose[2, 2])
    view.along_u = pixel_step(pose, camera)
    view.along_v = view.down / camera.fy
    view.corner = row_ray(pose, camera, 0) + view.along_u * 0.5
    return view


@wp.func
def outside(x: float, z: float, radius: float, low: float, high: float) -> bool:
    """Whether a ball at (x, z) lies beside the wedge between two slopes x / z."""
    below = low * z - x > radius * wp.sqrt(1.0 + low * low)
    return below or x - high * z > radius * wp.sqrt(1.0 + high * high)


@wp.func
def in_view(
    camera: KernelPinhole, view: CameraView, centre: wp.vec3, radius: float, max_depth: float
) -> bool:
    """Whether some of a ball may be in the image."""
    z = wp.dot(view.forward, centre)
    result = z > -radius and z < max_depth + radius
    if result:
        left = -camera.cx / camera.fx
        right = (float(camera.width) - camera.cx) / camera.fx
        top = -camera.cy / camera.fy
        bottom = (float(camera.height) - camera.cy) / camera.fy
        aside = outside(wp.dot(view.right, centre), z, radius, left, right)
        result = not (aside or outside(wp.dot(view.down, centre), z, radius, top, bottom))
    return result
