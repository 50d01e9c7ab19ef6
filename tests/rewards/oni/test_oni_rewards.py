"""Helpful captions are paid, less each time in an episode, whatever the annotator does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robonav.errors import UsageError
from robonav.rewards.checks.contract import purity, resets, resume
from robonav.rewards.checks.finding import QUICK
from robonav.rewards.oni.learned import OniLearned
from robonav.rewards.registry import make_reward
from tests.rewards.oni import told
from tests.rewards.oni.language_server import serving
from tests.rewards.streams import digest

NAMES = ("oni-retrieval", "oni-classification", "oni-ranking")
WORDS = ("a good key", "a good door", "a bad wall", "bad lava", "a floor")
RULES: dict[str, Any] = {"rules": ("key", "good"), "synchronous": True}
SMALL: dict[str, Any] = {"horizon": 4, "gradient_steps": 16, "samples": 32, "width": 16}


def options(name: str, **more: Any) -> dict[str, Any]:
    return {**RULES, **(SMALL if name != "oni-retrieval" else {}), **more}


def build(name: str, num_envs: int = 2, **more: Any) -> Any:
    return make_reward(name, **options(name, **more)).build(told.context(num_envs))


def test_a_helpful_caption_pays_less_each_time_and_an_unseen_one_nothing() -> None:
    reward = build("oni-retrieval")
    now = told.begin(reward, "start", "start")
    paid = []
    for _ in range(4):
        step = told.step(now, "a GOOD  key", "a bad wall")
        paid.append(reward.compute(*step))
        reward.update(step)
    expected = np.array([[0, 0], [1 / 8, 0], [1 / 27, 0], [1 / 64, 0]])
    np.testing.assert_allclose(paid, expected)


def test_an_episode_that_ends_is_forgotten_and_nobody_elses() -> None:
    reward = build("oni-retrieval", beta=1.0)
    now = told.begin(reward, "good", "good")
    for _ in range(3):
        reward.update(told.step(now, "good", "good"))
    reward.reset(np.array([True, False]), told.seen("start", "start"))
    np.testing.assert_allclose(reward.compute(*told.step(now, "good", "good")), [1, 1 / 5])


@pytest.mark.parametrize("name", NAMES)
def test_computing_changes_nothing(name: str) -> None:
    reward = build(name)
    told.live(reward, WORDS, 12)
    before = digest(reward)
    step = told.step(told.seen(*WORDS[:2]), "never heard of", WORDS[0])
    first = reward.compute(*step)
    np.testing.assert_array_equal(reward.compute(*step), first)
    assert digest(reward) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_reward_goes_on_bit_for_bit(name: str) -> None:
    reward, other = build(name), build(name)
    told.live(reward, WORDS, 30)
    state = {key: array.copy() for key, array in reward.state_dict().items()}
    assert all(array.dtype.kind in "iuf" for array in state.values())
    other.load_state_dict(state)
    here, there = (told.live(one, (*WORDS, "new and good"), 20, seed=2) for one in (reward, other))
    np.testing.assert_array_equal(here, there)
    assert here.any()
    assert digest(reward) == digest(other)


@pytest.mark.parametrize("name", NAMES)
def test_a_state_of_another_annotator_is_left_out_in_a_sentence(name: str) -> None:
    reward, other = build(name), build(name, rules=("bad",))
    told.live(reward, WORDS, 12)
    fresh = digest(other)
    with pytest.warns(UserWarning, match="begins anew"):
        other.load_state_dict(reward.state_dict())
    assert digest(other) == fresh


def test_classification_pays_for_what_has_no_label_yet() -> None:
    reward = build("oni-classification")
    told.live(reward, WORDS, 60)
    told.begin(reward, "start", "start")
    step = told.step(told.seen("start", "start"), "such a good key", "such bad lava")
    np.testing.assert_array_equal(reward.compute(*step), [1, 0])


def test_ranking_pays_the_normalised_reward_above_the_threshold_and_never_the_raw_one() -> None:
    reward = build("oni-ranking", beta=0.0)
    told.live(reward, WORDS, 80)
    captions = list(WORDS)
    raw = reward.raw(captions).numpy()
    moments = reward.moments
    z = (raw - float(moments.mean)) / np.sqrt(float(moments.var) + 1e-8)
    expected = np.where(z > reward.config.threshold, z, 0)
    np.testing.assert_allclose(reward.scores(captions), expected, rtol=1e-4)
    assert raw.argmax() == 0  # the key
    assert expected[0] > 0
    assert (expected[[2, 3, 4]] == 0).all()
    assert abs(raw[0] - expected[0]) > 1e-3


def test_a_scale_and_an_offset_of_the_ranking_change_nothing_that_is_paid() -> None:
    reward = build("oni-ranking", beta=0.0)
    told.live(reward, WORDS, 40)
    paid = reward.scores(list(WORDS))
    with torch.no_grad():
        last, moments = reward.networks["reader"].head[-1], reward.moments
        last.weight *= 10
        last.bias.copy_(10 * last.bias + 3)
        moments.mean.copy_(10 * moments.mean + 3)
        moments.var *= 100
    reward._known.clear()
    np.testing.assert_allclose(reward.scores(list(WORDS)), paid, rtol=1e-3)


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_reward_that_learns_pays_nothing_before_it_has_learned(name: str) -> None:
    reward = build(name, horizon=10)
    assert not told.live(reward, WORDS, 9).any()
    assert isinstance(reward, OniLearned)
    assert reward.trainings == 0


@pytest.mark.parametrize("name", NAMES)
def test_networks_draw_nothing_from_the_global_generator(name: str) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    told.live(build(name), WORDS, 12)
    assert torch.rand(1) == expected


@pytest.mark.parametrize("manner", ["ok", "down", "slow", "rubbish", "huge", "form", "cut"])
def test_training_goes_on_whatever_the_endpoint_does(manner: str) -> None:
    with serving("ok") as server:
        config = make_reward("oni-retrieval", url=server.url, model="m", timeout=0.3)
        reward: Any = config.build(told.context(2))
        server.manner = manner
        begun = time.monotonic()
        told.live(reward, WORDS, 20)
        assert time.monotonic() - begun < 5
        metrics: dict[str, float] = {}
        limit = time.monotonic() + 10
        while not (metrics.get("labels") or metrics.get("failures") or metrics.get("refusals")):
            assert time.monotonic() < limit
            time.sleep(0.01)
            metrics = reward.update(told.step(told.seen("start", "start"), *WORDS[:2]))
    assert bool(metrics["labels"]) == (manner == "ok")
    assert bool(metrics["failures"]) == (manner in ("rubbish", "huge", "form", "cut"))
    assert bool(metrics["refusals"]) == (manner in ("down", "slow"))


def test_staleness_is_the_steps_from_the_first_sight_to_the_label() -> None:
    with serving() as server:
        config = make_reward("oni-retrieval", url=server.url, model="m")
        reward: Any = config.build(told.context(1))
        now = told.begin(reward, "start")
        server.released.clear()
        for _ in range(6):
            metrics = reward.update(told.step(now, "good"))
        assert metrics["labels"] == metrics["staleness_steps"] == 0
        assert metrics["waiting"] == 1
        server.released.set()
        limit = time.monotonic() + 10
        while reward._queue._arrived == []:
            assert time.monotonic() < limit
            time.sleep(0.01)
        assert not reward.compute(*told.step(now, "good")).any()  # it counts from the update on
        metrics = reward.update(told.step(now, "good"))
        assert (metrics["labels"], metrics["staleness_steps"]) == (1, 6)
        assert reward.compute(*told.step(now, "good")).any()


def test_an_endpoint_that_is_down_is_told_before_training() -> None:
    with serving("down") as server, pytest.warns(UserWarning, match=r"503.*training goes on"):
        make_reward("oni-retrieval", url=server.url, model="m").build(told.context(1))


def test_a_budget_of_zero_is_told_before_training_and_only_the_cache_pays(tmp_path: Path) -> None:
    cache = str(tmp_path / "labels.jsonl")
    told.live(build("oni-retrieval", cache=cache), WORDS[:2], 10)
    with pytest.warns(UserWarning, match="budget 0.*the 2 labels"):
        reward = build("oni-retrieval", cache=cache, budget=0)
    now = told.begin(reward, "start", "start")
    for _ in range(2):
        step = told.step(now, "a good key", "new and good")
        paid = reward.compute(*step)
        metrics = reward.update(step)
    np.testing.assert_allclose(paid, [1 / 8, 0])
    assert metrics["annotations"] == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "nobody who annotates"),
        ({"url": "http://127.0.0.1:8000/v1"}, "nobody who annotates"),
        ({"url": "http://example.org/v1", "model": "m"}, "not on this machine"),
        ({"url": "http://127.0.0.1/v1", "rules": ("a",)}, "leave one out"),
        ({"rules": ("(",)}, "no regular expression"),
        ({"rules": ("a",), "budget": -1}, "budget -1"),
        ({"rules": ("a",), "batch": 0}, "batch 0"),
        ({"rules": ("a",), "beta": float("nan")}, "beta nan"),
        ({"rules": ("a",), "timeout": 0.0}, "timeout 0.0"),
        ({"rules": ("a",), "key": "speech"}, "'speech'"),
    ],
)
def test_wrong_options_are_said_before_training(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_reward("oni-retrieval", **wrong).build(told.context(1))


def test_a_network_needs_steps_to_train() -> None:
    with pytest.raises(UsageError, match="horizon 0"):
        make_reward("oni-ranking", horizon=0, rules=("a",))


@pytest.mark.parametrize("name", ["oni-retrieval", "oni-classification", "oni-ranking"])
def test_checks_try_rewards_that_name_no_annotator_with_rules(name):
    config = make_reward(name).to_check()
    assert config.rules
    assert config.synchronous
    named = make_reward(name, rules=("key",))
    assert named.to_check() is named
    promises = [function(config, QUICK) for function in (purity, resume, resets)]
    assert all(finding.passed for finding in promises), promises
