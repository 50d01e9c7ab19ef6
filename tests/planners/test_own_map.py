"""The policy's own map: where it is by counting steps, what it saw, and how it looks from where it stands."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.perception.predictor import DEPTH_STEP_M, DEPTHS, RAYS, SIGNS
from robonav.perception.teaching.targets import scan
from robonav.planners.own_map import NoOwnMap, OwnMap, OwnMapConfig, Places
from tests.worlds import Rooms

CPU = torch.device("cpu")
CONFIG = OwnMapConfig(cell_m=0.25, cells=128, reach_m=3.0, scales=(1, 2, 4))


def told(distance: float, count: int = 1) -> torch.Tensor:
    """The scan (N, 32, 40, 3) of a wall across the view."""
    ends = DEPTH_STEP_M * torch.arange(1, DEPTHS + 1)
    begins = ends - DEPTH_STEP_M
    signs = torch.stack([ends <= distance, (begins <= distance) & (distance < ends), begins <= distance], -1)
    return signs.float().expand(count, RAYS, DEPTHS, SIGNS)


NOTHING_NEAR = told(9.0)


def walk(memory: OwnMap, places: Places, actions: list[int], blocked: bool = False) -> None:
    for action in actions:
        executed = torch.tensor([0 if blocked else action + 1])
        memory.observe(places, NOTHING_NEAR, executed, torch.tensor([False]))


@settings(max_examples=15)
@given(seed=st.integers(0, 1000))
def test_it_knows_where_it_is_relative_to_its_start_from_its_own_actions(seed):
    worlds = NavigationVecEnv(Rooms(), 3, Camera(16, 16), max_episode_steps=100, seed=seed)
    memory, rng = OwnMap(CONFIG), np.random.default_rng(seed)
    places = memory.new(3, CPU)
    observation, starts = worlds.reset(), torch.ones(3, dtype=torch.bool)
    first = worlds.frames
    for _ in range(40):
        executed = torch.as_tensor(observation["previous_action"])
        memory.observe(places, NOTHING_NEAR.repeat(3, 1, 1, 1), executed, starts)
        starts[:] = False
        observation = worlds.step(rng.choice(3, 3, p=[0.6, 0.2, 0.2]))[0]
    memory.observe(
        places, NOTHING_NEAR.repeat(3, 1, 1, 1), torch.as_tensor(observation["previous_action"]), starts
    )
    moved = worlds.frames.position[:, :2] - first.position[:, :2]
    c, s = np.cos(first.yaw), np.sin(first.yaw)
    ahead, left = c * moved[:, 0] + s * moved[:, 1], c * moved[:, 1] - s * moved[:, 0]
    np.testing.assert_allclose(places.position, np.stack([ahead, left], axis=1), atol=1e-3)
    turned = (worlds.frames.yaw - first.yaw) / np.radians(15.0) - places.heading.numpy()
    np.testing.assert_allclose(turned, 24 * np.round(turned / 24), atol=1e-3)


def test_a_wall_ahead_is_above_the_middle_of_the_window_and_what_lies_behind_it_is_unknown():
    memory = OwnMap(CONFIG)
    places = memory.new(1, CPU)
    distance = 1.9
    memory.observe(places, told(distance), torch.tensor([0]), torch.tensor([True]))
    obstacle, seen = memory.windows(places)[0, :2].numpy().astype(int)
    ahead = [CONFIG.side // 2 - round(d / CONFIG.cell_m) for d in (1.0, distance, 2.6)]
    middle = slice(CONFIG.side // 2, CONFIG.side // 2 + 1)
    assert obstacle[ahead[0], middle].max() < 50
    assert obstacle[ahead[1] - 1 : ahead[1] + 2, middle].max(axis=0).min() > 150
    assert seen[ahead[0], middle].min() > 200
    assert seen[ahead[2], middle].max() < 60
    assert (seen[CONFIG.side // 2 + 2 :] == 0).all()  # nothing is known of what lies behind the agent


def test_windows_turn_with_the_agent():
    memory = OwnMap(CONFIG)
    places = memory.new(1, CPU)
    memory.observe(places, torch.rand(1, RAYS, DEPTHS, SIGNS), torch.tensor([0]), torch.tensor([True]))
    places.position[:] = 0.5 * CONFIG.cell_m  # the middle of a cell, which a quarter turn maps onto itself
    before = memory.windows(places)[0]
    places.heading += 6  # a quarter turn to the left: what lay ahead lies to the right
    np.testing.assert_array_equal(memory.windows(places)[0, :2], torch.rot90(before[:2], -1, (1, 2)))


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_a_window_shows_the_map_at_the_places_it_stands_for(seed):
    rng = np.random.default_rng(seed)
    memory = OwnMap(CONFIG)
    places = memory.new(1, CPU)
    places.summary[:] = torch.as_tensor(rng.integers(0, 256, places.summary.shape).astype(np.uint8))
    places.position[:] = torch.as_tensor((rng.integers(-60, 60, (1, 2)) + 0.5) * CONFIG.cell_m)
    heading = int(rng.integers(24))
    places.heading[:] = heading
    shown = memory.windows(places)[0].numpy()
    table = places.summary.numpy().reshape(CONFIG.cells, 2 * CONFIG.cells, 2)
    angle, (x, y) = np.radians(15.0 * heading), places.position[0].numpy()
    wrong = 0
    for row in range(CONFIG.side):
        for column in range(CONFIG.side):
            ahead, left = ((CONFIG.side - 1) / 2 - np.array([row, column])) * CONFIG.cell_m
            px = x + np.cos(angle) * ahead - np.sin(angle) * left
            py = y + np.sin(angle) * ahead + np.cos(angle) * left
            cell = np.floor(np.array([px, py]) / CONFIG.cell_m).astype(int) % CONFIG.cells
            wrong += not np.array_equal(shown[:2, row, column], table[cell[0], cell[1]])
    assert wrong <= 0.05 * CONFIG.side**2  # edges of cells are a matter of rounding


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_a_coarse_window_is_the_mean_of_samples_of_the_fine_map(scale):
    config = OwnMapConfig(cell_m=0.125, cells=256, scales=(scale,), side=9)
    memory = OwnMap(config)
    places = memory.new(1, CPU)
    half = torch.arange(len(places.summary)) // 512 < 128  # x from 0 to 16 m
    places.summary[half] = 200
    places.summary[~half] = 100
    places.position[:] = 1e-3
    window = memory.windows(places)[0, 0]
    assert (window[:4] == 200).all()
    assert (window[5:] == 100).all()
    assert (window[4] >= 150).all()  # at least half of that cell lies ahead of the agent


def test_a_blocked_move_is_remembered_as_an_obstacle_ahead():
    memory = OwnMap(CONFIG)
    free, bumped = memory.new(1, CPU), memory.new(1, CPU)
    for places in (free, bumped):
        memory.observe(places, NOTHING_NEAR, torch.tensor([0]), torch.tensor([True]))
    walk(memory, bumped, [FORWARD], blocked=True)
    middle = slice(CONFIG.side // 2, CONFIG.side // 2 + 1)
    just_ahead = (0, slice(CONFIG.side // 2 - 3, CONFIG.side // 2), middle)
    assert memory.windows(bumped)[0][just_ahead].max() > memory.windows(free)[0][just_ahead].max() + 50
    assert torch.equal(bumped.position, free.position)


def test_what_was_touched_stays_when_ten_looks_see_nothing_there():
    memory = OwnMap(OwnMapConfig())
    places = memory.new(1, CPU)
    memory.observe(places, NOTHING_NEAR, torch.tensor([0]), torch.tensor([True]))
    walk(memory, places, [FORWARD], blocked=True)
    walk(memory, places, [LEFT, RIGHT] * 5)
    touched = places.summary.view(-1, 2)[memory_cell(memory, 0.35)][0]
    beside = places.summary.view(-1, 2)[memory_cell(memory, 0.6)][0]
    assert touched > 128
    assert beside < 50


def memory_cell(memory: OwnMap, ahead_m: float) -> int:
    """Row of the cell so far ahead of the start."""
    return int(ahead_m / memory.config.cell_m) * 2 * memory.config.cells


def test_turns_and_moves_add_up_and_places_are_found_again():
    memory = OwnMap(CONFIG)
    places = memory.new(1, CPU)
    walk(memory, places, [LEFT] * 6 + [FORWARD] * 8 + [RIGHT] * 6)
    np.testing.assert_allclose(places.position, [[0.0, 2.0]], atol=1e-5)
    walk(memory, places, [FORWARD] * 400)  # farther than the map is wide
    assert (memory.windows(places) > 0).any()
    np.testing.assert_allclose(places.position, [[100.0, 2.0]], atol=1e-2)


def test_a_new_episode_forgets_its_own_map_and_no_other():
    memory = OwnMap(CONFIG)
    places = memory.new(2, CPU)
    ranges = told(1.5, count=2)
    memory.observe(places, ranges, torch.tensor([0, 0]), torch.tensor([True, True]))
    memory.observe(places, ranges, torch.tensor([1, 1]), torch.tensor([False, False]))
    fresh = memory.new(2, CPU)
    memory.observe(places, ranges, torch.tensor([0, 2]), torch.tensor([True, False]))
    memory.observe(fresh, ranges, torch.tensor([0, 0]), torch.tensor([True, True]))
    assert torch.equal(memory.windows(places)[0], memory.windows(fresh)[0])
    assert not torch.equal(memory.windows(places)[1], memory.windows(fresh)[1])


def test_a_copy_is_independent():
    memory = OwnMap(CONFIG)
    places = memory.new(1, CPU)
    copy = places.copy()
    walk(memory, copy, [FORWARD, LEFT])
    assert not places.evidence.any()
    assert places.heading.tolist() == [0]


def test_the_true_scan_of_a_room_draws_its_walls_where_they_are():
    camera = Camera()
    worlds = NavigationVecEnv(Rooms(), 1, camera, max_episode_steps=100, seed=3)
    memory = OwnMap(CONFIG)
    places, starts = memory.new(1, CPU), torch.tensor([True])
    observation = worlds.reset()
    x, y, yaw = *worlds.frames.position[0, :2], worlds.frames.yaw[0]
    for _ in range(24):  # once around
        truth = torch.from_numpy(scan(worlds.frames.depth, camera)).float()
        memory.observe(places, truth, torch.as_tensor(observation["previous_action"]), starts)
        starts[:] = False
        observation = worlds.step(np.array([LEFT]))[0]
    cells = np.argwhere(places.evidence.numpy().reshape(CONFIG.cells, -1, 3)[:, : CONFIG.cells, 0] > 0.5)
    offsets = ((cells + CONFIG.cells // 2) % CONFIG.cells - CONFIG.cells // 2 + 0.5) * CONFIG.cell_m
    c, s = np.cos(yaw), np.sin(yaw)
    points = offsets @ np.array([[c, s], [-s, c]]) + (x, y)
    free = worlds.simulator.world(0).free_space
    grown = [
        free.island_at(points + d).astype(bool)
        for d in 0.4 * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    ]
    assert len(points) > 30
    assert np.any(grown, axis=0).mean() > 0.97


def test_a_map_whose_size_is_not_a_power_of_two_is_refused():
    with pytest.raises(ValueError, match="power of two"):
        OwnMapConfig(cells=100)


@pytest.mark.parametrize("reach_m", [0.0, 5.1, float("nan")])
def test_a_reach_beyond_what_the_eye_tells_is_refused(reach_m):
    with pytest.raises(ValueError, match=r"reach_m .* give .* 0\.125 to 5 m"):
        OwnMapConfig(reach_m=reach_m)


def test_a_policy_without_a_map_of_its_own_gets_windows_of_no_size():
    nothing = NoOwnMap()
    places = nothing.new(4, CPU)
    nothing.observe(places, NOTHING_NEAR, torch.tensor([0]), torch.tensor([True]))
    assert nothing.windows(places).numel() == 0
    assert nothing.encoder(8)(nothing.windows(places)) == 0.0


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_evidence_is_the_sum_of_what_was_seen_bumped_into_and_stood_on(seed):
    rng = np.random.default_rng(seed)
    memory = OwnMap(CONFIG)
    places, expected = memory.new(2, CPU), np.zeros((2 * 2 * CONFIG.cells**2, 3))
    for _ in range(5):
        executed, signs = rng.integers(0, 4, 2), rng.uniform(0.0, 1.0, (2, RAYS, DEPTHS, SIGNS))
        memory.observe(
            places,
            torch.from_numpy(signs).float(),
            torch.as_tensor(executed),
            torch.zeros(2, dtype=torch.bool),
        )
        for agent, ray, step in np.ndindex(2, RAYS, 24):  # 3 m are trusted
            z = 0.125 * (step + 0.5)
            to_the_left = -z * ((ray + 0.5) / 16 - 1)
            free, occupied, seen = signs[agent, ray, step]
            expected[row_of(places, agent, z, to_the_left)] += free**2, 5.0 * occupied**2, seen**2
        for agent in range(2):
            expected[row_of(places, agent, 0.0, 0.0)] += 1.0, 0.0, 0.0
            expected[row_of(places, agent, 0.35, 0.0)] += 0.0, 100.0 * (executed[agent] == 0), 0.0
    wrong = np.abs(places.evidence.numpy() - expected).max(axis=1) > 1e-3
    assert np.count_nonzero(wrong) <= 0.05 * np.count_nonzero(expected.any(axis=1))  # points on cells' edges
    free, occupied, seen = places.evidence.numpy().astype(float).T
    shares = np.stack([0.5 + 0.5 * (occupied - free) / (occupied + free + 0.5), seen / (seen + 0.5)], axis=1)
    np.testing.assert_allclose(places.summary, 255 * shares, atol=0.501)


def row_of(places: Places, agent: int, ahead: float, left: float) -> int:
    angle = np.radians(15.0 * int(places.heading[agent]))
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ (ahead, left)
    x, y = np.floor((places.position[agent].numpy() + turned) / CONFIG.cell_m).astype(int) % CONFIG.cells
    return agent * 2 * CONFIG.cells**2 + x * 2 * CONFIG.cells + y


def test_a_memory_of_another_number_of_agents_is_refused_before_anything_is_written():
    memory = OwnMap(CONFIG)
    places = memory.new(1, CPU)
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        memory.observe(places, NOTHING_NEAR.repeat(3, 1, 1, 1), torch.zeros(3).long(), torch.zeros(3).bool())
    assert not places.evidence.any()


def test_it_works_in_a_process_that_has_drawn_nothing_before():
    program = """if True:
        import torch
        from robonav.planners.own_map import OwnMap, OwnMapConfig
        memory = OwnMap(OwnMapConfig())
        places = memory.new(1, torch.device("cpu"))
        memory.observe(places, torch.rand(1, 32, 40, 3), torch.tensor([0]), torch.tensor([True]))
        print(int(memory.windows(places).max()))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 128
