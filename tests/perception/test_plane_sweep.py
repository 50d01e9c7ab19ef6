"""Frames are compared with those from another place, as if everything lay at one depth."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from robonav.envs.navigation.simulator import NavigationSimulator
from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT, TURN_RAD, previous_action
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.camera import Camera
from robonav.envs.world import Episode
from robonav.perception.plane_sweep import PLANES_M, SWEEP_CHANNELS, SWEEP_SIDE, PlaneSweep, brightness
from robonav.perception.predictor import PredictorConfig
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.sequence import SequencePolicy
from tests.policy_sizes import MAP_AND_PLANNER

PLANES, CPU = PlaneSweep(), torch.device("cpu")
TANGENTS = (torch.arange(SWEEP_SIDE) + 0.5) / (SWEEP_SIDE / 2) - 1.0


def by_matrices(present, held, since):
    """The same with poses, rays and PyTorch's sampling, one depth and one agent after the other."""
    sweep = torch.zeros(len(present), SWEEP_CHANNELS, SWEEP_SIDE, SWEEP_SIDE)
    down, right = torch.meshgrid(TANGENTS, TANGENTS, indexing="ij")
    depths = [torch.where(down > 0, Camera().height_m / down.clamp(min=1e-9), torch.inf)]
    depths += [torch.full_like(down, min(plane, 1e9)) for plane in PLANES_M]
    for agent, (is_held, turn, ahead, left) in enumerate(since.tolist()):
        if not is_held:
            continue
        c, s = np.cos(turn), np.sin(turn)
        # axes of a camera: right, down, ahead
        rotation = torch.tensor([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
        before, is_seen = [], []
        for supposed in depths:
            depth = supposed.clamp(max=1e6)
            points = torch.stack([right * depth, down * depth, depth], dim=-1).double()
            there = points @ rotation.double().T + torch.tensor([-left, 0.0, ahead]).double()
            at = (there[..., :2] / there[..., 2:].clamp(min=1e-9)).float()
            frame = held[None, None, agent]
            sampled = F.grid_sample(frame, at[None], align_corners=False, padding_mode="border")
            before.append(sampled[0, 0])
            is_seen.append((there[..., 2] > 0.15 * depth) & (at.abs() < 1.0).all(dim=-1))
        far = is_seen[-1]
        gain = float((present[agent][far].sum() / before[-1][far].sum()).nan_to_num(0.0).clamp(1 / 1.5, 1.5))
        for k in range(7):
            difference = 4.0 * (present[agent] - gain * before[k]).abs()
            sweep[agent, k] = torch.where(is_seen[k], difference, 0.0)
        sweep[agent, -1] = far.float()
    return sweep


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_sweep_is_what_poses_and_rays_give(seed):
    generator = torch.Generator().manual_seed(seed)
    present, held = torch.rand(2, 4, SWEEP_SIDE, SWEEP_SIDE, generator=generator)
    since = torch.rand(4, 4, generator=generator) * torch.tensor([0.0, 2.0, 1.0, 0.6])
    since -= torch.tensor([-1.0, 1.0, 0.2, 0.3])
    since[0, 0] = 0.0
    found, wanted = PLANES.compare(present, held, since), by_matrices(present, held, since)
    assert float(found[0].abs().max()) == 0.0
    off = (found - wanted).abs() > 5e-3
    assert float(off.float().mean()) < 1e-3  # a few lie on an edge of the frame, where rounding decides
    assert float(found[1:].mean()) > 0.05


def test_another_exposure_changes_nothing():
    present, held = torch.rand(2, 5, SWEEP_SIDE, SWEEP_SIDE, generator=torch.Generator().manual_seed(0))
    since = torch.tensor([[1.0, turn, 0.25, 0.05] for turn in (0.0, 0.3, -0.5, 0.8, 0.0)])
    plain = PLANES.compare(present, held, since)
    exposure = torch.tensor([0.9, 1.1, 0.95, 1.05, 1.3])[:, None, None]
    torch.testing.assert_close(PLANES.compare(present, exposure * held, since), plain, atol=1e-3, rtol=0.0)
    assert float(plain.mean()) > 0.3


@pytest.fixture(scope="module")
def walk():
    """Frames of agents that walk through a house, actions as they were told of, poses, where each began."""
    scenes = open_scenes("procedural", "val")
    simulator = NavigationSimulator(scenes, 4, threads=1)
    rng, frames, told = np.random.default_rng(0), [], []
    cells = scenes.load(scenes.scene_ids[0]).free_space
    starts = cells.sample(rng, 4)
    simulator.start([Episode(f"{i}", scenes.scene_ids[0], 0, (*starts[i], 0.3 * i)) for i in range(4)])
    for t in range(40):
        actions = rng.choice([FORWARD, FORWARD, LEFT, RIGHT], 4)
        frames.append(simulator.frames if not t else simulator.step(actions))
        told.append(np.zeros(4, np.int64) if not t else previous_action(actions, frames[-1]))
    simulator.close()
    return frames, told


def test_what_is_held_is_the_last_frame_from_another_place(walk):
    frames, told = walk
    earlier, starts = PLANES.new(4, CPU), torch.ones(4, dtype=torch.bool)
    compared = 0
    for t, (seen, action) in enumerate(zip(frames, told, strict=True)):
        rgb = torch.as_tensor(np.moveaxis(seen.rgb, -1, 1).copy())
        PLANES.observe(earlier, rgb, torch.as_tensor(action), starts & (t == 0))
        for agent in range(4):
            elsewhere = [
                k for k in range(t) if np.abs(frames[k].position[agent] - seen.position[agent]).max() > 1e-3
            ]
            assert bool(earlier.since[agent, 0]) == bool(elsewhere)
            if not elsewhere:
                continue
            then = frames[elsewhere[-1]]
            image = torch.as_tensor(np.moveaxis(then.rgb[agent : agent + 1], -1, 1).copy())
            torch.testing.assert_close(earlier.held[agent : agent + 1], brightness(image))
            relative = np.linalg.inv(then.T_world_camera[agent]) @ seen.T_world_camera[agent]
            right, _, ahead = relative[:3, 3]
            turn = np.arctan2(-relative[0, 2], relative[2, 2])
            pose = torch.tensor([1.0, turn, ahead, -right])
            torch.testing.assert_close(earlier.since[agent], pose, atol=1e-3, rtol=0.0)
            compared += 1
    assert compared > 50


def test_where_the_supposed_depth_is_true_the_frames_agree(walk):
    """On the floor of a real house, and on walls near one of the planes, better than at any wrong depth."""
    frames, told = walk
    earlier, starts = PLANES.new(4, CPU), torch.ones(4, dtype=torch.bool)
    true, wrong = [], []
    for t, (seen, action) in enumerate(zip(frames, told, strict=True)):
        rgb = torch.as_tensor(np.moveaxis(seen.rgb, -1, 1).copy())
        sweep = PLANES.observe(earlier, rgb, torch.as_tensor(action), starts & (t == 0))
        depth = torch.as_tensor(seen.depth).unfold(1, 2, 2).unfold(2, 2, 2).flatten(3)
        compared = sweep[:, -1] > 0
        height = Camera().height_m - TANGENTS[:, None, None] * depth
        supposed = [(height.abs() < 0.02).all(dim=-1)]
        supposed += [((depth / plane - 1.0).abs() < 0.06).all(dim=-1) for plane in PLANES_M[:-1]]
        for k, holds in enumerate(supposed):
            chosen = holds & compared
            true.append(sweep[:, k][chosen])
            wrong.append(torch.stack([sweep[:, j][chosen] for j in range(7) if j != k]).mean(dim=0))
    assert torch.cat(true).numel() > 5000
    assert float(torch.cat(true).mean()) < 0.6 * float(torch.cat(wrong).mean())


def test_a_new_episode_forgets_and_a_copy_does_not_share():
    earlier, starts = PLANES.new(2, CPU), torch.tensor([True, True])
    rgb = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    ahead, none = torch.full((2,), FORWARD + 1), torch.zeros(2, dtype=torch.int64)
    PLANES.observe(earlier, rgb, none, starts)
    copy = earlier.copy()
    sweep = PLANES.observe(earlier, rgb.flip(-1), ahead, torch.tensor([False, True]))
    assert float(sweep[0, -1].mean()) == 1.0
    assert float(sweep[1].abs().max()) == 0.0
    assert float(copy.since.abs().max()) == 0.0
    assert not torch.equal(copy.latest, earlier.latest)


def test_turns_alone_hold_nothing():
    earlier = PLANES.new(1, CPU)
    rgb = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    for t, action in enumerate([0, LEFT + 1, LEFT + 1, RIGHT + 1, 0]):
        sweep = PLANES.observe(earlier, rgb, torch.tensor([action]), torch.tensor([t == 0]))
        assert float(sweep.abs().max()) == 0.0
    assert earlier.since[0, 1] == pytest.approx(TURN_RAD)


def test_a_policy_sees_what_shifted_only_after_a_move_of_the_same_episode():
    space = spaces.Dict(
        {"rgb": spaces.Box(0, 255, (3, 64, 64), np.uint8), "previous_action": spaces.Discrete(4)}
    )
    small = PredictorConfig(channels=(8, 8, 8, 8), column=8, squeezed=2)
    size = SequencePolicyConfig(width=32, blocks=1, heads=2, window=4, predictor=small, **MAP_AND_PLANNER)
    policy = SequencePolicy(space, spaces.Discrete(3), size).eval()
    before = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)  # two pasts
    now = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8).expand(2, -1, -1, -1)

    def features(action: int, starts: bool) -> torch.Tensor:
        memory = policy.new_memory(2)
        for rgb, executed, start in ((before, 0, True), (now, action, starts)):
            observation = {"rgb": rgb, "previous_action": torch.tensor([executed] * 2)}
            with torch.no_grad():
                percept = policy.perceive(observation, memory, torch.tensor([start] * 2))
        return percept["rgb"]

    assert not torch.equal(*features(FORWARD + 1, False))
    for action, starts in ((0, False), (LEFT + 1, False), (FORWARD + 1, True)):
        torch.testing.assert_close(*features(action, starts), rtol=0, atol=0)
        alone = policy.encoder.predictor(now)
        torch.testing.assert_close(features(action, starts), alone)
