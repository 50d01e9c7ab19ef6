"""Observations and actions of any space become tensors; what cannot be read is told."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from robonav.errors import UsageError
from robonav.rewards.config import RewardContext
from robonav.rewards.features import ActionReader, Encoder, ObservationReader, RunningMoments, frozen_random
from robonav.rewards.protocol import Snapshot
from robonav.rewards.registry import make_reward
from tests.rewards.streams import ACTIONS, SPACES, context, snapshot, stream


def test_entries_become_images_channels_first_one_hot_codes_and_vectors():
    made = context(SPACES["dict"], ACTIONS["steps"], num_envs=2)
    read = ObservationReader(made)
    assert read.shapes == {"grid": (3, 7, 7), "pose.xy": (2,), "held": (3,), "door": (6,)}
    assert set(read.standardised) == {"grid", "pose.xy"}
    seen = snapshot(made.observation_space, 2)
    batch = read(seen)
    grid = seen.observation["grid"]
    np.testing.assert_array_equal(batch["grid"].numpy(), np.moveaxis(grid, -1, 1))
    assert batch["grid"].dtype == torch.uint8
    door = seen.observation["door"]
    expected = np.concatenate([np.eye(2)[door[:, 0]], np.eye(4)[door[:, 1]]], axis=1)
    np.testing.assert_array_equal(batch["door"].numpy(), expected)


def test_a_discrete_space_may_begin_anywhere():
    read = ObservationReader(context(SPACES["discrete"], ACTIONS["steps"]))
    code = read(Snapshot({"observation": np.array([2, 6])}))["observation"]
    np.testing.assert_array_equal(code.numpy(), np.eye(5)[[0, 4]])


def test_chosen_keys_alone_are_read():
    read = ObservationReader(context(SPACES["dict"], ACTIONS["steps"]), ("held",))
    assert list(read.shapes) == ["held"]
    with pytest.raises(UsageError, match=r"'nowhere'.*grid"):
        ObservationReader(context(SPACES["dict"], ACTIONS["steps"]), ("nowhere",), reward="rnd")


@pytest.mark.parametrize("space", [spaces.Text(5), spaces.Sequence(spaces.Discrete(2))])
def test_a_space_that_it_cannot_read_is_named_when_the_reward_is_built(space):
    made = context(spaces.Dict({"note": space}), ACTIONS["steps"])
    with pytest.raises(UsageError, match=f"rnd cannot read observation 'note' of {type(space).__name__}"):
        make_reward("rnd").build(made)
    with pytest.raises(UsageError, match="cannot read actions of Text"):
        make_reward("rnd").build(context(SPACES["box"], spaces.Text(3)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_told_with_their_key(bad):
    made = context(spaces.Dict({"speed": spaces.Box(-1, 1, (2,))}), ACTIONS["steps"])
    read, values = ObservationReader(made), np.zeros((4, 2), np.float32)
    values[2, 1] = bad
    with pytest.raises(UsageError, match="observation 'speed' has numbers that are not finite"):
        read(Snapshot({"speed": values}))


def test_actions_are_one_hot_or_scaled_by_their_bounds():
    steps = ActionReader(context(SPACES["box"], spaces.MultiDiscrete([2, 3])))
    np.testing.assert_array_equal(steps(np.array([[1, 2]])).numpy(), [[0, 1, 0, 0, 1]])
    moves = ActionReader(context(SPACES["box"], spaces.Box(np.float32([0, -2]), np.float32([4, 2]))))
    np.testing.assert_allclose(moves(np.array([[1.0, 2.0]])).numpy(), [[-0.5, 1.0]])


def test_the_loss_of_a_guessed_action_is_cross_entropy_or_squared_error():
    action, guess = torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([[0.3, 1.2, -0.4, 0.0]])
    found = ActionReader(context(SPACES["box"], ACTIONS["steps"])).loss(guess, action)
    torch.testing.assert_close(found, nn.functional.cross_entropy(guess, torch.tensor([1]), reduction="none"))
    moves = ActionReader(context(SPACES["box"], ACTIONS["velocities"]))
    torch.testing.assert_close(moves.loss(torch.ones(1, 2), torch.zeros(1, 2)), torch.ones(1))


def test_running_moments_are_those_of_all_samples_at_once():
    samples = torch.randn(300, 4, generator=torch.Generator().manual_seed(0)) * 3 + 7
    moments = RunningMoments((4,))
    for part in samples.split([1, 50, 249]):
        moments.update(part)
    torch.testing.assert_close(moments.mean, samples.mean(0))
    torch.testing.assert_close(moments.var, samples.var(0, unbiased=False))
    assert float(moments(samples).abs().max()) <= 5.0


def test_a_window_forgets_an_old_scale():
    old, new = torch.full((1000, 1), 100.0), torch.zeros(1000, 1)
    forgets, keeps = RunningMoments((1,), window=100), RunningMoments((1,))
    for moments in (forgets, keeps):
        for part in (*old.split(50), *new.split(50)):
            moments.update(part)
    assert abs(float(forgets.mean)) < 1.0
    assert float(keeps.mean) == pytest.approx(50.0)


@pytest.mark.parametrize("side", [1, 7, 36, 64, 128])
def test_images_of_any_size_are_encoded_and_targets_are_orthogonal(side):
    network = frozen_random(Encoder({"image": (3, side, side)}, 32, 16))
    assert network({"image": torch.rand(2, 3, side, side)}).shape == (2, 16)
    weight = network.body[-1].weight
    torch.testing.assert_close(weight @ weight.T, 2 * torch.eye(16), rtol=0, atol=1e-4)
    assert not any(w.requires_grad for w in network.parameters())


class Eye(nn.Module):
    """Counts how often it is asked."""

    config = SimpleNamespace(features=3)
    asked = 0

    def forward(self, rgb):
        self.asked += 1
        return rgb.float().mean((2, 3))


def test_the_frozen_predictor_is_asked_once_an_image():
    eye = Eye()
    space = spaces.Dict({"rgb": spaces.Box(0, 255, (8, 8, 3), np.uint8), "goal": spaces.Box(-1, 1, (2,))})
    made = RewardContext(4, space, ACTIONS["steps"], predictor=eye)
    reward, steps = make_reward("rnd", features="predictor", horizon=2).build(made), stream(made, 4)
    reward.reset(np.ones(4, bool), steps[0].before)
    for step in steps:
        assert reward.compute(*step).shape == (4,)
        reward.update(step)
    assert eye.asked == 5, "four steps show five images"
    with pytest.raises(UsageError, match="there is no predictor"):
        make_reward("rnd", features="predictor").build(RewardContext(4, space, ACTIONS["steps"]))
