"""Every reward that learns reads any space, pays before it learns, and goes on bit for bit."""

import numpy as np
import pytest
import torch

from robonav.rewards.learned import LearnedConfig
from robonav.rewards.registry import REWARDS, make_reward, reward_class
from robonav.rewards.visit_means import VisitMeansConfig
from tests.rewards.streams import ACTIONS, SPACES, begin, context, digest, run, stream

LEARNED = [kind.name for kind in REWARDS if issubclass(kind, LearnedConfig)]
SMALL = {"horizon": 4, "batch": 8, "width": 16}


def small(name: str, **options) -> LearnedConfig:
    """The reward with little networks, which trains every fourth step from the beginning."""
    counts = {"settle": 16} if issubclass(reward_class(name), VisitMeansConfig) else {}
    return make_reward(name, **SMALL, **counts, **options)


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("action", ACTIONS)
def test_it_pays_finite_rewards_for_observations_and_actions_of_every_kind(name, space, action):
    made = context(SPACES[space], ACTIONS[action])
    reward, steps = small(name).build(made), stream(made, 9)
    begin(reward, steps)
    paid = run(reward, steps)
    assert paid.shape == (9, 4)
    assert paid.dtype == np.float32
    assert np.isfinite(paid).all()
    assert not paid[:4].any(), "nothing before the first training"
    assert paid[4:].any()


@pytest.mark.parametrize("name", LEARNED)
def test_asking_for_a_reward_changes_nothing_and_leaves_the_global_generator_alone(name):
    made = context(SPACES["dict"], ACTIONS["steps"])
    reward, steps = small(name).build(made), stream(made, 6)
    torch.manual_seed(3)
    generator = torch.get_rng_state()
    begin(reward, steps)
    run(reward, steps)
    before, last = digest(reward), steps[-1]
    first, again = reward.compute(*last), reward.compute(*last)
    assert digest(reward) == before
    np.testing.assert_array_equal(first, again)
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize("name", LEARNED)
def test_a_restored_reward_goes_on_bit_for_bit_with_the_steps_that_waited(name):
    made = context(SPACES["dict"], ACTIONS["velocities"])
    steps = stream(made, 20)
    whole = small(name).build(made)
    begin(whole, steps)
    run(whole, steps[:10])  # not a multiple of the horizon
    resumed = small(name).build(context(SPACES["dict"], ACTIONS["velocities"], seed=9))
    resumed.load_state_dict(whole.state_dict())
    for reward in (whole, resumed):
        begin(reward, steps[10:])  # a run that goes on begins new episodes
    np.testing.assert_array_equal(run(whole, steps[10:]), run(resumed, steps[10:]))
    assert digest(whole) == digest(resumed)


@pytest.mark.parametrize("name", LEARNED)
def test_the_control_never_changes_its_weights(name):
    made = context(SPACES["box"], ACTIONS["steps"])
    reward, steps = small(name, learns=False).build(made), stream(made, 12)
    begin(reward, steps)
    run(reward, steps[:6])
    weights = {key: value.clone() for key, value in reward.networks.state_dict().items()}
    run(reward, steps[6:])
    after = reward.networks.state_dict()
    changed = {key for key, value in weights.items() if not torch.equal(value, after[key])}
    assert changed <= {key for key in weights if key.startswith(("scale.", "error."))}
