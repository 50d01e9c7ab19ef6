"""Rewards against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from robonav.rewards import make_reward
from robonav.rewards.episodic_cells import EpisodicCellsConfig
from robonav.rewards.protocol import Snapshot, Transition
from robonav.rewards.ring_memory import RingMemory
from tests.rewards.environments import ACTIONS, context, pay

N = 2
NOBODY, EVERYBODY = np.zeros(N, bool), np.ones(N, bool)
STATES = spaces.Discrete(5)


def at(*states: int) -> Snapshot:
    return Snapshot({"observation": np.array(states)})


def go(reward, *path: tuple[int, int]) -> np.ndarray:
    """Rewards (T, N) of agents that start in state 0."""
    reward.reset(EVERYBODY, at(0, 0))
    now, paid = at(0, 0), []
    for states in path:
        step = Transition(now, np.zeros(N, int), at(*states), NOBODY, NOBODY)
        paid.append(reward.compute(*step))
        reward.update(step)
        now = step.after
    return np.array(paid)


def built(name: str, **options):
    return make_reward(name, **options).build(context(STATES, ACTIONS["one"], N))


@pytest.mark.parametrize("power", [-0.5, -1.0])
def test_cells_pay_the_power_of_the_count_and_forget_with_the_episode(power: float) -> None:
    reward = built("episodic-cells", power=power)
    expected = np.array([[1, 1], [2, 1], [2, 2], [3, 1]], float) ** power
    path = [(1, 1), (1, 2), (0, 0), (0, 3)]
    np.testing.assert_allclose(go(reward, *path), expected, rtol=1e-6)
    np.testing.assert_allclose(go(reward, *path), expected, rtol=1e-6)


def test_cells_of_a_life_are_counted_by_all_agents_together_and_saved() -> None:
    reward = built("episodic-cells", over="life", power=-1.0)
    np.testing.assert_allclose(go(reward, (1, 1)), [[1, 1]])
    np.testing.assert_allclose(go(reward, (1, 2)), [[1 / 3, 1]])
    again = EpisodicCellsConfig(over="life", power=-1.0).build(context(STATES, ACTIONS["one"], N))
    again.load_state_dict(reward.state_dict())
    np.testing.assert_allclose(go(again, (1, 2)), [[1 / 4, 1 / 2]])


def test_pseudo_counts_count_and_pay_most_for_what_is_new() -> None:
    reward = built("pseudo-counts")
    paid = go(reward, (1, 1), (1, 2), (1, 1), (1, 3), (1, 1))[:, 0]
    assert paid[0] == paid.max()
    np.testing.assert_allclose(paid[1:], 1 / (np.sqrt([1, 2, 3, 4]) + 1e-3), rtol=0.02)


def test_the_ellipse_is_that_of_the_inverse_matrix() -> None:
    reward = built("e3b", encoder="random", outputs=6, ridge=0.3)
    codes = reward.networks["encoder"](reward.read(at(*range(5)))).detach().double().numpy()
    path = [(1, 2), (1, 3), (4, 0)]
    paid, seen = go(reward, *path), [[0], [0]]
    for states, rewards in zip(path, paid, strict=True):
        for agent, (state, found) in enumerate(zip(states, rewards, strict=True)):
            matrix = 0.3 * np.eye(6) + sum(np.outer(codes[s], codes[s]) for s in seen[agent])
            assert found == pytest.approx(codes[state] @ np.linalg.inv(matrix) @ codes[state], rel=1e-3)
            seen[agent].append(state)


def test_elliptical_bonus_of_one_state_is_about_one_over_n() -> None:
    reward = built("e3b", encoder="random", ridge=1e-3)
    paid = go(reward, *[(1, 1)] * 6)[:, 0]
    np.testing.assert_allclose(paid[1:], 1 / np.arange(1, 6), rtol=0.05)


def test_state_entropy_is_the_distance_to_the_kth_neighbour() -> None:
    reward = built("re3", neighbours=2)
    go(reward, (1, 2), (3, 4), (1, 0))
    codes = reward._encoder(at(*range(5))).numpy()
    known = codes[[1, 2, 3, 4, 1, 0]]
    reward._encoder.take_in = lambda seen: None
    away = np.sort(np.linalg.norm(codes[[2, 3]][:, None] - known, axis=-1), axis=1)[:, 1]
    paid = reward.compute(at(0, 0), np.zeros(N, int), at(2, 3), NOBODY, NOBODY)
    np.testing.assert_allclose(paid, np.log1p(away), rtol=1e-3)


def test_the_novelty_of_ngu_is_between_one_and_five_times_that_of_the_episode() -> None:
    ngu, episode = built("ngu"), built("pseudo-counts")
    path = [(1, 2), (1, 3), (4, 0), (1, 1)] * 20
    share = go(ngu, *path) / go(episode, *path)
    assert share.min() >= 0.999
    assert share.max() <= 5.001


def test_a_ring_remembers_the_last_of_each_agent() -> None:
    memory, rng = RingMemory(2, 4, 3), np.random.default_rng(0)
    added = torch.tensor(rng.normal(size=(6, 2, 3)), dtype=torch.float32)
    for t, vectors in enumerate(added):
        memory.add(vectors, np.array([True, t % 2 == 0]))
    assert memory.counts.tolist() == [4, 3]
    asked = torch.zeros(2, 3)
    found = memory.nearest(asked, 5)
    for agent, kept in enumerate((added[2:, 0], added[[0, 2, 4], 1])):
        known = kept.norm(dim=-1).sort().values
        torch.testing.assert_close(found[agent, : len(known)], known)
        assert torch.isinf(found[agent, len(known) :]).all()
    memory.forget(np.array([True, False]))
    assert memory.counts.tolist() == [0, 3]


def test_random_distillation_pays_the_mean_squared_error() -> None:
    reward = built("rnd", learns=False)
    inputs = reward.read(at(1, 2))
    error = reward.networks["predictor"](inputs) - reward.networks["target"](inputs)
    paid = reward.compute(at(0, 0), np.zeros(N, int), at(1, 2), NOBODY, NOBODY)
    np.testing.assert_allclose(paid, error.square().mean(-1).detach().numpy(), rtol=1e-6)


def test_disagreement_is_the_variance_over_models() -> None:
    reward = built("disagreement", learns=False, models=3)
    paid = reward.compute(at(0, 0), np.array([0, 1]), at(1, 2), NOBODY, NOBODY)
    code, action = reward.networks["encoder"](reward.read(at(0, 0))), torch.eye(3)[[0, 1]]
    foretold = np.stack([m({}, code, action).detach().numpy() for m in reward.networks["models"]])
    np.testing.assert_allclose(paid, foretold.var(0).mean(-1), rtol=1e-5)


def test_curiosity_is_half_the_squared_error_of_the_forward_model_which_does_not_teach_the_encoder() -> None:
    reward = built("icm", learns=False)
    paid = reward.compute(at(0, 0), np.array([0, 1]), at(1, 2), NOBODY, NOBODY)
    code = [reward._encode(reward.read(seen)) for seen in (at(0, 0), at(1, 2))]
    foretold = reward.networks["forward_model"]({}, code[0], torch.eye(3)[[0, 1]])
    np.testing.assert_allclose(paid, 0.5 * (foretold - code[1]).square().sum(-1).detach(), rtol=1e-5)


def test_learning_progress_is_paid_only_while_something_is_learned() -> None:
    found = context(spaces.Box(-1, 1, (4,), np.float32), ACTIONS["one"], 8)
    reward = make_reward("lpm", horizon=4, learning_rate=1e-3).build(found)
    paid = pay(reward, found, 1200)  # noise: nothing can be learned but the mean
    assert abs(paid[-200:].mean()) < 0.1 * np.abs(paid[-200:]).mean() + 0.02


@pytest.mark.parametrize(("name", "slope"), [("rdd", -1.0), ("coin-flip", -0.5)])
def test_the_bonus_falls_with_the_count_as_theory_says(name: str, slope: float) -> None:
    """Eight states whose counts differ by a factor of 128; `robonav rewards check` does it at length."""
    rng, states = np.random.default_rng(0), spaces.Discrete(8)
    reward = make_reward(name).build(context(states, ACTIONS["one"], 8))
    counts, shares = np.zeros(8), 2.0 ** -np.arange(8)
    before = Snapshot({"observation": np.zeros(8, int)})
    for _ in range(2000):
        drawn = rng.choice(8, 8, p=shares / shares.sum())
        np.add.at(counts, drawn, 1)
        step = Transition(before, np.zeros(8, int), Snapshot({"observation": drawn}), *np.zeros((2, 8), bool))
        reward.update(step)
    every = Snapshot({"observation": np.arange(8)})
    bonus = reward.compute(every, np.zeros(8, int), every, *np.zeros((2, 8), bool))
    assert np.polyfit(np.log(counts), np.log(bonus), 1)[0] == pytest.approx(slope, abs=0.2)
