"""Plane sweep over two frames from known poses: depth cues that do not depend on appearance.

A plane sweep (Collins 1996): an earlier frame is laid over the present one as if all of it lay at one depth,
and the difference is small where it does. Known are only the steps between the two, which the agent counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor, nn

from robonav.envs.sensors.camera import Camera
from robonav.perception.motions import Motions, NoMotions, StepMotions
from robonav.perception.plane_sweep_kernels import differ_kernel, lay_over_kernel
from robonav.warp_launch import launch

SWEEP_SIDE = 32  # pixels
PLANES_M = (0.6, 1.0, 1.6, 2.4, 3.6, inf)  # supposed depths, beside the floor
SWEEP_CHANNELS = len(PLANES_M) + 2  # differences for the floor and the planes, and where there are any
_BASE_M = 0.125  # a move so long shows depth: the frame before it is compared with
_LONGEST_BASE_M = 0.5  # what slow moves may add up to, before a nearer frame takes the place of the one held
_MOST_GAIN = 1.5  # by which exposure is supposed to differ


@dataclass
class EarlierFrames:
    """Earlier frames of N agents; inference state, never in a rollout buffer.

    Attributes:
        latest: (N, 32, 32) float32, brightness 0 ... 1 of the last frame.
        held: (N, 32, 32) of the frame before the latest move of 0.125 m or more, as long as that is not more
            than 0.5 m away: the last one from another place.
        since: (N, 4) whether a frame is held (1 or 0), the turn to the left since then in radians, and how
            far ahead and to the left the agent has come since, in metres along the axes of that frame.
    """

    latest: Tensor
    held: Tensor
    since: Tensor

    def copy(self) -> EarlierFrames:
        """An independent copy."""
        return replace(self, latest=self.latest.clone(), held=self.held.clone(), since=self.since.clone())


class PlaneSweep(nn.Module):
    """Compares frames with earlier ones, for a level camera of 90 degrees at robonav's height.

    Args:
        motions: What the agent's own actions tell of its motion.
    """

    inverse_depths: Tensor

    def __init__(self, motions: Motions | NoMotions | None = None) -> None:
        super().__init__()
        self.motions = motions or StepMotions()
        downward = (torch.arange(SWEEP_SIDE) + 0.5) * (2.0 / SWEEP_SIDE) - 1.0
        floor = downward.clamp(min=0.0) / Camera().height_m
        planes = 1.0 / torch.tensor(PLANES_M)
        inverse_depths = torch.cat([floor[:, None], planes.expand(SWEEP_SIDE, -1)], dim=1).contiguous()
        self.register_buffer("inverse_depths", inverse_depths, persistent=False)

    def new(self, count: int, device: torch.device) -> EarlierFrames:
        """No frames yet, for `count` agents."""
        frames = torch.zeros(count, SWEEP_SIDE, SWEEP_SIDE, device=device)
        return EarlierFrames(frames, frames.clone(), torch.zeros(count, 4, device=device))

    def observe(self, earlier: EarlierFrames, rgb: Tensor, previous_action: Tensor, starts: Tensor) -> Tensor:
        """Compare the present frames with those held, and keep them.

        Args:
            earlier: Changed in place.
            rgb: (N, 3, H, W) in 0 ... 255.
            previous_action: (N, ...) what was carried out, as `motions` reads it.
            starts: (N,) bool, a new episode begins with this frame.

        Returns:
            (N, 8, 32, 32) as of `compare`.
        """
        present = brightness(rgb)
        motion = self.motions(previous_action)
        since = _after(earlier.since, motion)
        is_far = (since[:, 0] > 0) & (since[:, 2:].norm(dim=1) > _LONGEST_BASE_M)
        anew = (motion[:, :2].norm(dim=1) >= _BASE_M) | is_far | (earlier.since[:, 0] == 0)
        anew &= ~starts & motion[:, :2].any(dim=1)
        earlier.held = torch.where(anew[:, None, None], earlier.latest, earlier.held)
        from_latest = torch.cat([torch.ones_like(motion[:, :1]), motion[:, 2:], motion[:, :2]], dim=1)
        earlier.since = torch.where(anew[:, None], from_latest, since).masked_fill(starts[:, None], 0.0)
        earlier.latest = present
        return self.compare(present, earlier.held, earlier.since)

    def compare(self, present: Tensor, held: Tensor, since: Tensor) -> Tensor:
        """Differences of brightness (N, 32, 32) for each assumed depth; see `EarlierFrames`.

        The earlier frame counts as bright, on the whole, as the present one where both show the same far
        away: cameras choose their exposure anew for each frame.

        Returns:
            (N, 8, 32, 32): four times the difference on the floor and on planes at six depths, where both
            frames show that point, else 0; the last channel is 1 where they do for what is far away.
        """
        count, device = len(present), present.device
        frames, planes = (present.contiguous(), held.contiguous(), since.contiguous()), self.inverse_depths
        sums = torch.empty(count, SWEEP_SIDE, 2, device=device)
        sweep = torch.empty(count, SWEEP_SIDE, SWEEP_SIDE, SWEEP_CHANNELS, device=device)
        launch(lay_over_kernel, (count, SWEEP_SIDE), *frames, planes, sums, sweep)
        now, before = sums.sum(dim=1).unbind(dim=1)
        gains = (now / before.clamp(min=1e-6)).clamp(1.0 / _MOST_GAIN, _MOST_GAIN)
        launch(differ_kernel, (count, SWEEP_SIDE), frames[0], gains, sweep)
        return sweep.permute(0, 3, 1, 2)  # so channels are the last in memory, as convolutions want them


def _after(since: Tensor, motion: Tensor) -> Tensor:
    """Add a motion (N, 3) to `EarlierFrames.since` (N, 4)."""
    cosine, sine = since[:, 1].cos(), since[:, 1].sin()
    ahead = since[:, 2] + cosine * motion[:, 0] - sine * motion[:, 1]
    left = since[:, 3] + sine * motion[:, 0] + cosine * motion[:, 1]
    return torch.stack([since[:, 0], since[:, 1] + motion[:, 2], ahead, left], dim=1)


def brightness(rgb: Tensor) -> Tensor:
    """Brightness (N, 32, 32) in 0 ... 1 of images (N, 3, H, W) in 0 ... 255."""
    image, wanted = rgb.float(), (2 * SWEEP_SIDE, 2 * SWEEP_SIDE)
    if image.shape[-2:] != wanted:
        image = nn.functional.interpolate(image, wanted, mode="area")
    pixels = image.permute(0, 2, 3, 1)  # as they usually lie in memory
    rows = (pixels[:, ::2] + pixels[:, 1::2]).reshape(len(rgb), SWEEP_SIDE, SWEEP_SIDE, 6)
    return rows.sum(dim=-1) / (12 * 255.0)
