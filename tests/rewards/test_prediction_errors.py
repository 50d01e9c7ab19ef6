"""The formulas of rewards that are errors of predictions, against references written out."""

import numpy as np
import pytest
import torch

from robonav.rewards.drnd import drnd_bonus
from robonav.rewards.protocol import Snapshot, Transition
from robonav.rewards.registry import make_reward
from tests.rewards.streams import ACTIONS, SPACES, begin, context, run, stream

AGENTS = 8


def trained(name: str, **options):
    """A reward after some steps, and a step that it has not seen."""
    made = context(SPACES["box"], ACTIONS["steps"])
    reward, steps = make_reward(name, horizon=4, width=16, **options).build(made), stream(made, 13)
    begin(reward, steps)
    run(reward, steps[:12])
    return reward, steps[12]


def standardised(reward, values) -> torch.Tensor:
    """(x - mean) / deviation of all samples that were trained on."""
    moments = next(iter(reward.scale.moments.values()))
    scaled = (torch.as_tensor(values) - moments.mean) / (moments.var + 1e-8).sqrt()
    return scaled.clamp(-5, 5)


def test_rnd_pays_the_mean_squared_error_of_its_predictor():
    reward, step = trained("rnd")
    seen = {"observation": standardised(reward, step.after.observation["observation"])}
    predicted, target = (reward.networks[name](seen).detach().numpy() for name in ("predictor", "target"))
    np.testing.assert_allclose(reward.compute(*step), ((predicted - target) ** 2).mean(1), rtol=1e-5)


def test_rnd_trains_on_the_share_of_samples_that_it_is_told():
    reward, _ = trained("rnd", share=0.25, batch=2)
    assert [len(rows) for rows in reward.minibatches(32)] == [2, 2, 2, 2]


def test_drnd_is_the_formula_with_the_moments_of_its_targets():
    targets = torch.tensor([[[1.0, 4.0]], [[3.0, 0.0]]])  # mean 2, 2; second moment 5, 8
    predicted = torch.tensor([[2.2, 3.0]])
    distance = (0.2**2 + 1.0**2) / 2
    ratio = [(2.2**2 - 4) / (5 - 4), (9 - 4) / (8 - 4)]  # the second is above 1
    expected = 0.9 * distance + 0.1 * (np.sqrt(ratio[0]) + 1.0) / 2
    np.testing.assert_allclose(drnd_bonus(predicted, targets, 0.9).numpy(), [expected], rtol=1e-5)


def test_icm_pays_half_the_squared_error_in_the_code():
    reward, step = trained("icm")
    with torch.no_grad():
        before, after = (
            reward.networks["encoder"]({"observation": standardised(reward, seen.observation["observation"])})
            for seen in (step.before, step.after)
        )
        action = torch.eye(4)[step.action]
        foretold = reward.networks["forward_model"](torch.cat([before, action], 1))
    expected = 0.5 * ((foretold - after) ** 2).sum(1).numpy()
    np.testing.assert_allclose(reward.compute(*step), expected, rtol=1e-4)


@pytest.mark.parametrize("reaches", [False, True])
def test_gradients_of_icms_forward_model_reach_the_encoder_only_on_request(reaches):
    reward, step = trained("icm", forward_weight=1.0, forward_trains_encoder=reaches)
    loss, _ = reward.loss(reward._steps(*step[:3]))
    loss.backward()
    weight = next(reward.networks["encoder"].parameters())
    assert bool(weight.grad.abs().sum() > 0) is reaches


def test_disagreement_is_the_variance_over_models():
    reward, step = trained("disagreement", models=3)
    with torch.no_grad():
        seen = {"observation": standardised(reward, step.before.observation["observation"])}
        known = torch.cat([reward.networks["encoder"](seen), torch.eye(4)[step.action]], 1)
        said = np.stack([model(known).numpy() for model in reward.networks["models"]])
    np.testing.assert_allclose(reward.compute(*step), said.var(0).mean(1), rtol=1e-4)


def dreaming(name: str, steps: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """Bonuses (steps, agents): half of the agents see a rule at work, and the others only noise."""
    made = context(SPACES["box"], ACTIONS["steps"], AGENTS)
    reward, rng, nobody = make_reward(name, horizon=8, **options).build(made), np.random.default_rng(0), None
    nobody, watches = np.zeros(AGENTS, bool), np.arange(AGENTS) % 2 == 1
    before, paid = np.zeros((AGENTS, 3), np.float32), []
    reward.reset(~nobody, Snapshot({"observation": before}))
    for _ in range(steps):
        action = rng.integers(4, size=AGENTS)
        after = np.stack([np.sin(action + before[:, 1]), np.cos(2.0 * action), 0.0 * action], 1)
        after[watches] = [[*rng.normal(size=2), 3.0] for _ in range(AGENTS // 2)]
        after = after.astype(np.float32)
        step = Transition(
            Snapshot({"observation": before}), action, Snapshot({"observation": after}), nobody, nobody
        )
        paid.append(reward.compute(*step))
        reward.update(step)
        before = after
    paid = np.stack(paid)
    return paid[:, ~watches], paid[:, watches]


def test_learning_progress_pays_for_a_rule_while_it_is_learned_and_nothing_for_noise():
    rule, noise = dreaming("lpm", 400)
    early, late = rule[8:150].mean(), rule[-150:].mean()
    assert early > 0
    assert late < 0.3 * early
    assert abs(noise[-150:].mean()) < 0.2 * early


def test_rnd_pays_less_for_what_it_saw_often_than_for_something_new():
    reward, step = trained("rnd", learning_rate=1e-3)
    for _ in range(100):
        reward.update(step)
    moved = Snapshot({"observation": step.after.observation["observation"][::-1] * -2.0})
    new = step._replace(after=moved)
    assert reward.compute(*step).mean() < 0.2 * reward.compute(*new).mean()
