"""Information gain against the entropy of single cells, and in rooms and halls that are known exactly."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces
from scipy.stats import entropy as scipy_entropy

from robonav.envs.navigation.steps import FORWARD, LEFT
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv, WorldVecEnv
from robonav.envs.warehouse.vehicle import Scanner
from robonav.envs.warehouse.world import WarehouseWorld
from robonav.errors import UsageError
from robonav.maps.log_odds import Beams
from robonav.rewards.beams import DepthBeams, LaserBeams
from robonav.rewards.config import RewardContext
from robonav.rewards.information_gain import InformationGain, InformationGainConfig
from robonav.rewards.protocol import Snapshot, Transition
from robonav.rewards.registry import make_reward
from robonav.rewards.snapshots import Snapshots, context_of
from robonav.rewards.vec_env import IntrinsicRewardVecEnv
from tests.worlds import SIZE, Rooms

NOBODY = np.zeros(1, bool)
LOOK = Snapshot({"x": np.zeros((1, 1))})


def bits(*probabilities: float) -> float:
    """Entropy of cells that are occupied with these probabilities."""
    return float(sum(scipy_entropy([p, 1 - p], base=2) for p in probabilities))


def one_beam(length: float, hit: bool) -> Beams:
    """Along x from the middle of a cell of 1 m."""
    return Beams(np.full((1, 2), 0.5), np.array([[[1.0, 0.0]]]), np.array([[length]]), np.array([[hit]]))


class Looks:
    """A reward that is shown beams of a test's choice."""

    def __init__(self, **options: float) -> None:
        self.reward = InformationGain(InformationGainConfig(cell_m=1.0, **options), lambda seen: self.beams)

    def __call__(self, beams: Beams) -> float:
        self.beams = beams
        parts = (LOOK, np.zeros(1), LOOK, NOBODY, NOBODY)
        paid = self.reward.compute(*parts)
        assert np.array_equal(paid, self.reward.compute(*parts))
        self.reward.update(Transition(*parts))
        return float(paid[0])


def test_a_look_pays_the_entropy_that_it_takes_from_each_cell():
    look = Looks(hit=0.8, miss=0.3)
    # cells 0, 1, 2 are passed, in cell 3 the beam ends
    assert look(one_beam(3.0, True)) == pytest.approx(4 - 3 * bits(0.3) - bits(0.8), rel=1e-6)
    free, full = 0.3**2 / (0.3**2 + 0.7**2), 0.8**2 / (0.8**2 + 0.2**2)
    expected = 3 * (bits(0.3) - bits(free)) + bits(0.8) - bits(full)
    assert look(one_beam(3.0, True)) == pytest.approx(expected, rel=1e-6)


def test_what_contradicts_the_map_costs_as_much_as_it_was_worth():
    look = Looks(hit=0.9, miss=0.1)
    assert look(one_beam(0.4, True)) == pytest.approx(1 - bits(0.9))
    assert look(one_beam(0.4, False)) == pytest.approx(bits(0.9) - 1)


def test_a_cell_is_never_surer_than_the_bound():
    look = Looks(hit=0.9, miss=0.1, sure=0.95)
    total = sum(look(one_beam(0.4, True)) for _ in range(10))
    assert total == pytest.approx(1 - bits(0.95), rel=1e-6)
    assert look(one_beam(0.4, True)) == 0


def test_columns_of_depth_end_at_the_walls_of_a_room():
    worlds, camera = NavigationVecEnv(Rooms(1), 3, Camera(), seed=3), Camera()
    observation = worlds.reset()
    for action in (FORWARD, LEFT, LEFT):
        worlds.step(np.full(3, action))
    seen = Snapshot(observation, worlds.frames)
    beams = DepthBeams(camera, 20.0, (0.15, 1.5))(seen)
    ends = beams.origin[:, None] + beams.unit * beams.length[..., None]
    assert beams.hit.all()
    away = np.minimum(np.abs(ends), np.abs(ends - SIZE[:2])).min(-1)
    assert away.max() < 0.02
    short = DepthBeams(camera, 0.5, (0.15, 1.5))(seen)
    assert short.length.max() <= 0.5
    assert (short.hit == (beams.length < 0.5)).all()


def test_who_turns_in_a_room_is_paid_in_the_first_turn_and_hardly_in_the_third():
    worlds = NavigationVecEnv(Rooms(1), 2, Camera(), seed=3, max_episode_steps=1000)
    env = IntrinsicRewardVecEnv(worlds, make_reward("information-gain"), normalise=False)
    env.reset()
    turns = np.stack([env.step(np.full(2, LEFT))[1] for _ in range(5 * 24)]).reshape(5, 24, 2).sum(1)
    floor = SIZE[0] * SIZE[1] / 0.1**2
    assert (turns[0] > 0.2 * floor).all()
    assert (turns.sum(0) < 1.15 * floor).all()  # the walls lie on the border of the floor's cells
    assert (np.abs(turns[4]) < 0.02 * turns[0]).all()


def test_a_vehicle_is_paid_by_its_laser_for_what_it_drives_to_and_not_for_the_same_scan_again():
    envs, agents = WorldVecEnv(WarehouseWorld(num_agents=3)), np.ones(3, bool)
    seen = Snapshots(envs)
    here = seen.now(envs.reset())
    reward = make_reward("information-gain").build(context_of(envs, 0, "cpu", 1, None))
    reward.reset(agents, here)
    still = []
    for _ in range(5):
        step = Transition(here, np.zeros((3, 2)), here, ~agents, ~agents)
        still.append(reward.compute(*step))
        reward.update(step)
    for _ in range(25):
        observation = envs.step(np.tile(np.array([0.8, 0.3], np.float32), (3, 1)))[0]
    there = seen.now(observation)
    drove = reward.compute(here, np.zeros((3, 2)), there, ~agents, ~agents)
    assert (still[0] > 10).all()
    assert np.abs(still[4]).max() < 1e-6
    assert (drove > 100).all()


def test_laser_beams_end_where_scans_do_and_drop_outs_tell_nothing():
    pose = np.eye(4, dtype=np.float32)[None].copy()
    pose[0, :2, 3] = 1.0, 2.0
    frames = SimpleNamespace(yaw=np.array([np.pi / 2]), T_world_camera=pose)
    seen = Snapshot({"scan": np.array([[0.25, 0.5, 1.0, 0.75]], np.float32)}, frames)
    scanner = Scanner(rays=4, range_m=8.0)  # behind, right, ahead, left
    beams = LaserBeams(scanner, 5.0)(seen)
    ends = beams.origin[:, None] + beams.unit * beams.length[..., None]
    assert np.allclose(ends[0], [[1, 0], [5, 2], [1, 7], [-4, 2]], atol=1e-5)
    assert beams.hit.tolist() == [[True, True, False, False]]
    assert LaserBeams(Scanner(rays=4, dropout=0.1), 5.0)(seen).length[0].tolist() == [2, 4, 0, 5]


def test_the_state_of_another_reward_is_refused():
    reward = Looks().reward
    assert reward.state_dict() == {}
    reward.load_state_dict({})
    with pytest.raises(ValueError, match=r"keeps no state between episodes, found \['weights'\]"):
        reward.load_state_dict({"weights": np.zeros(1)})


def test_an_environment_without_depth_and_odd_probabilities_are_refused():
    box = spaces.Dict({"observation": spaces.Box(0, 1, (3,))})
    with pytest.raises(UsageError, match="depth and poses"):
        make_reward("information-gain").build(RewardContext(1, box, spaces.Discrete(2)))
    with pytest.raises(UsageError, match="miss"):
        make_reward("information-gain", miss=0.6)
