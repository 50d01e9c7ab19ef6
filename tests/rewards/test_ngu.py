"""NGU is the episodic part times a lifelong factor between 1 and 5."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robonav.rewards.pseudo_counts import PseudoCountsConfig
from robonav.rewards.registry import make_reward
from robonav.rewards.rnd import RndConfig
from tests.rewards.streams import ACTIONS, SPACES, context, run, stream

QUICK = {"life": RndConfig(horizon=4, width=16, outputs=8), "episode": PseudoCountsConfig(width=8)}


@pytest.mark.parametrize("space", SPACES)
def test_it_is_the_product_of_its_parts_as_the_paper_has_it(space: str) -> None:
    made = context(SPACES[space], ACTIONS["steps"])
    ngu, life = make_reward("ngu", **QUICK).build(made), QUICK["life"].build(made)
    episode = QUICK["episode"].build(made)
    errors: list[np.ndarray] = []
    for step in stream(made, 40):
        error = life.compute(*step)
        seen = np.concatenate(errors) if errors else np.zeros(0)
        spread = np.sqrt(seen.var() + 1e-8) if errors else 1.0
        factor = 1 + (error - (seen.mean() if errors else 0.0)) / spread
        np.testing.assert_allclose(
            ngu.compute(*step), episode.compute(*step) * factor.clip(1, 5), rtol=1e-3, atol=1e-4
        )
        if life.trainings:
            errors.append(error)
        for part in (ngu, life, episode):
            part.update(step)
            if step.over.any():
                part.reset(step.over, step.after)


def test_judging_changes_nothing_and_what_was_saved_goes_on() -> None:
    made = context(SPACES["dict"], ACTIONS["velocities"])
    reward = make_reward("ngu", **QUICK).build(made)
    steps = stream(made, 30)
    run(reward, steps[:20])
    before = {name: np.array(value) for name, value in reward.state_dict().items()}
    np.testing.assert_array_equal(reward.compute(*steps[20]), reward.compute(*steps[20]))
    for name, value in reward.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    resumed = make_reward("ngu", **QUICK).build(made)
    resumed.load_state_dict(before)
    everybody = np.ones(made.num_envs, bool)
    for one in (reward, resumed):
        one.reset(everybody, steps[20].before)
    torch.manual_seed(0)
    whole = run(reward, steps[20:])
    np.testing.assert_array_equal(whole, run(resumed, steps[20:]))
    assert whole.max() > whole.min()
