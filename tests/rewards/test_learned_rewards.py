"""Rewards that learn across episodes: what repeats pays less, what is restored goes on as it was."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from robonav.envs.navigation.steps import FORWARD, LEFT, RIGHT
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.envs.world import Frames
from robonav.perception.shipped import load_predictor
from robonav.rewards.distillation import RandomNetworkDistillation
from robonav.rewards.inverse_dynamics import IntrinsicCuriosityModule, motion_class
from robonav.rewards.learner import mlp
from tests.worlds import Rooms

CAMERA = Camera()


class QuickEye(nn.Module):
    """The predictor that ships; it remembers what it said of images, which are shown many times here."""

    def __init__(self) -> None:
        super().__init__()
        self.predictor = load_predictor()
        self.config, self.said = self.predictor.config, {}

    def forward(self, rgb):
        key = rgb.numpy().tobytes()
        if key not in self.said:
            self.said[key] = self.predictor(rgb)
        return self.said[key]


EYE = QuickEye()
LEARNED = [RandomNetworkDistillation, IntrinsicCuriosityModule]


def walk(seed: int, steps: int, num_envs: int = 4) -> list[Frames]:
    """What agents see that mostly turn."""
    worlds = NavigationVecEnv(Rooms(), num_envs, CAMERA, seed=seed)
    worlds.reset()
    rng, seen = np.random.default_rng(seed), [worlds.frames]
    for _ in range(steps):
        worlds.step(rng.choice([FORWARD, LEFT, RIGHT], num_envs, p=[0.2, 0.6, 0.2]))
        seen.append(worlds.frames)
    return seen


def episode(reward, seen: list[Frames]) -> np.ndarray:
    """Rewards (T, N) of one episode, paid before frames are taken in."""
    reward.reset()
    reward.update(seen[0])
    rewards = []
    for frames in seen[1:]:
        rewards.append(reward.compute(frames))
        reward.update(frames)
    return np.array(rewards)


@pytest.mark.parametrize("kind", LEARNED)
def test_the_bonus_falls_with_repetition(kind):
    reward, seen = kind(4, EYE, learning_rate=1e-3), walk(0, 12)
    episode(reward, seen)  # standardises features
    paid = np.array([episode(reward, seen).mean() for _ in range(24)])
    assert paid[-1] < 0.5 * paid[0]
    assert paid[8:16].mean() > paid[16:].mean()


def test_what_was_not_learned_stays_surprising():
    reward, seen = RandomNetworkDistillation(4, EYE, learning_rate=1e-3), walk(0, 12)
    for _ in range(12):
        known = episode(reward, seen)[-1].mean()
    noise = seen[-1]
    noise.rgb = np.random.default_rng(0).integers(0, 256, noise.rgb.shape).astype(np.uint8)
    assert reward.compute(noise).mean() > 3 * known


@pytest.mark.parametrize("kind", LEARNED)
def test_judging_changes_nothing(kind):
    reward, seen = kind(4, EYE), walk(1, 4)
    episode(reward, seen[:-1])
    before = {name: array.copy() for name, array in reward.state_dict().items()}
    np.testing.assert_array_equal(reward.compute(seen[-1]), reward.compute(seen[-1]))
    for name, array in reward.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("kind", LEARNED)
def test_what_was_saved_goes_on_as_it_was_to_the_last_bit(kind):
    seen = walk(2, 12)
    whole, resumed = kind(4, EYE, seed=3), kind(4, EYE, seed=4)
    episode(whole, seen)
    resumed.load_state_dict({name: array.copy() for name, array in whole.state_dict().items()})
    np.testing.assert_array_equal(episode(resumed, seen), episode(whole, seen))
    found = resumed.state_dict()
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(array, found[name])


@pytest.mark.parametrize("kind", LEARNED)
def test_the_state_of_another_reward_is_refused(kind):
    other = LEARNED[1 - LEARNED.index(kind)]
    episode(saved := other(4, EYE), walk(0, 2))
    with pytest.raises(RuntimeError):
        kind(4, EYE).load_state_dict(saved.state_dict())
    with pytest.raises(KeyError):
        kind(4, EYE).load_state_dict({})


def test_the_first_frame_of_an_episode_teaches_and_pays_nothing():
    reward, seen = IntrinsicCuriosityModule(4, EYE), walk(0, 3)
    episode(reward, seen)
    before = {name: array.copy() for name, array in reward.state_dict().items()}
    reward.reset([1, 3])
    assert (reward.compute(seen[0]) > 0).tolist() == [True, False, True, False]
    reward.reset()
    reward.update(seen[0])
    for name, array in reward.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_motions_are_told_from_what_was_carried_out():
    worlds = NavigationVecEnv(Rooms(), 3, CAMERA, seed=5)
    worlds.reset()
    for _ in range(40):
        observation = worlds.step(np.array([FORWARD, LEFT, RIGHT]))[0]
        np.testing.assert_array_equal(motion_class(worlds.frames.motion), observation["previous_action"])


def test_the_inverse_model_learns_which_motion_led_from_one_frame_to_the_next():
    reward, seen = IntrinsicCuriosityModule(4, EYE, learning_rate=1e-3), walk(0, 12)
    for _ in range(30):
        episode(reward, seen)
    networks, learner = reward._learner.networks, reward._learner
    right = []
    for before, after in pairwise(seen):
        codes = [reward._encode(learner.look(frames)) for frames in (before, after)]
        guess = networks["inverse"](torch.cat(codes, dim=-1)).argmax(-1).numpy()
        right.append(guess == motion_class(after.motion))
    assert np.mean(right) > 0.9


def test_an_mlp_has_no_last_activation():
    layers = mlp(3, 5, 2)
    assert [type(layer).__name__ for layer in layers] == ["Linear", "ReLU", "Linear"]
