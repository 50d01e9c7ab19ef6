"""The previous action as the motion that it was: Plücker rays of the camera in its frame before."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robonav.envs.navigation.steps import FORWARD, FORWARD_M, LEFT, NUM_ACTIONS, RIGHT, TURN_RAD

_SIDE = 8  # rays along an edge of the image
_TANGENT = 1.0  # of half the field of view: 90 degrees, as the eye that ships is used to


def plucker_rays(T: Tensor, directions: Tensor) -> Tensor:
    """Plücker coordinates (..., 6, P) of rays through a camera's centre: unit direction, then moment.

    Args:
        T: (..., 4, 4) pose of the camera, metres; the coordinates are in the frame that it is given in.
        directions: (P, 3) of the rays in the camera's frame, of any length.
    """
    along = F.normalize(directions @ T[..., :3, :3].transpose(-1, -2), dim=-1)
    origin = T[..., None, :3, 3].expand_as(along)
    return torch.cat([along, torch.linalg.cross(origin, along)], dim=-1).transpose(-1, -2)


def relative_pose(action: int) -> Tensor:
    """(4, 4) pose of the camera after an action in its frame before: x right, y down, z forward, metres."""
    pose = torch.eye(4)
    pose[2, 3] = FORWARD_M if action == FORWARD else 0.0
    rightward = torch.tensor(TURN_RAD * ((action == RIGHT) - (action == LEFT)))  # about the axis that is down
    cos, sin = rightward.cos(), rightward.sin()
    pose[0, 0], pose[0, 2], pose[2, 0], pose[2, 2] = cos, sin, -sin, cos
    return pose


def image_rays(side: int) -> Tensor:
    """(side * side, 3) directions through a grid over the image, row by row, with z = 1."""
    across = ((torch.arange(side) + 0.5) * (2.0 / side) - 1.0) * _TANGENT
    y, x = torch.meshgrid(across, across, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)], dim=-1).flatten(0, 1)


class RelativePose(nn.Module):
    """In place of an embedding of the previous action: a linear view of the rays of its motion.

    ReCuriosity gives these rays to its encoder as six more channels of the image. Where nothing was carried
    out (start, blocked move) there are none: the image is 0.
    """

    rays: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        moved = torch.stack([relative_pose(action) for action in range(NUM_ACTIONS)])
        rays = plucker_rays(moved, image_rays(_SIDE)).flatten(1) / _SIDE  # as long as one ray
        self.register_buffer("rays", F.pad(rays, (0, 0, 1, 0)), persistent=False)
        self.weight = nn.Parameter(torch.zeros(width, rays.shape[1]))

    def forward(self, previous_action: Tensor) -> Tensor:
        """Views (..., width) of previous actions (...) int64: action + 1, or 0 for none."""
        return F.linear(self.rays[previous_action], self.weight)
