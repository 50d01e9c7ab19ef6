"""BYOL-Explore sums errors that end on a step; BYOL-Hindsight has a critic that goes up, a generator down."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from robonav.rewards.byol_hindsight import mutual_information
from robonav.rewards.registry import make_reward
from tests.rewards.streams import ACTIONS, SPACES, begin, context, run, stream


def trained(name: str, steps: int, **options):
    made = context(SPACES["box"], ACTIONS["steps"])
    reward, lived = make_reward(name, horizon=4, width=16, **options).build(made), stream(made, steps)
    begin(reward, lived)
    return reward, lived


def test_the_uncertainty_of_a_step_sums_forecasts_from_each_start_rolled_out_anew():
    """A reference that starts at every moment, rolls to every horizon, and adds to where that ends."""
    ahead = 3
    reward, lived = trained("byol-explore", 18, ahead=ahead)
    run(reward, lived[:8])
    begin(reward, lived[8:])
    nets, found, steps = reward.networks, [], []
    memory = reward.memory
    with torch.no_grad():
        for step in lived[8:]:
            steps.append(reward._steps(step.before, step.action, step.after))
            reward._first = step.over
            memory, errors = reward.advance(memory, steps[-1])
            found.append(errors.sum(-1))
        expected, belief, action = torch.zeros(len(steps), 4), torch.zeros(4, 16), torch.zeros(4, 4)
        for start, step in enumerate(steps):
            goes_on = (~step.first).float()[:, None]
            code = nets["encoder"](reward.scale(step.before))
            belief = nets["belief"](torch.cat([code, action * goes_on], 1), belief * goes_on)
            action, rolled, alive = step.action, belief, torch.ones(4)
            for end in range(start, min(start + ahead, len(steps))):
                alive = alive * (1.0 if end == start else (~steps[end].first).float())
                rolled = nets["forecast"](steps[end].action, rolled)
                truth = F.normalize(nets["target"](reward.scale(steps[end].after)), dim=-1)
                apart = F.normalize(nets["predictor"](rolled), dim=-1) - truth
                expected[end] += alive * apart.square().sum(-1)
    torch.testing.assert_close(torch.stack(found), expected)


def test_byol_explore_pays_what_exceeds_the_mean_error_in_deviations():
    reward, lived = trained("byol-explore", 13)
    run(reward, lived[:12])
    scale, last = reward.networks["error"], lived[12]
    mean, square = float(scale.mean / scale.weight), float(scale.square / scale.weight)
    with torch.no_grad():
        errors = reward.advance(reward.memory, reward._steps(*last[:3]))[1].sum(-1).numpy()
    expected = np.maximum(errors - mean, 0) / math.sqrt(square - mean**2)
    np.testing.assert_allclose(reward.compute(*last), expected, rtol=1e-3, atol=1e-4)


def test_the_target_is_a_moving_average_of_the_encoder():
    reward, lived = trained("byol-explore", 4, ema=0.75, epochs=1)
    old = [weight.clone() for weight in reward.networks["target"].parameters()]
    run(reward, lived)
    for before, now, source in zip(
        old,
        reward.networks["target"].parameters(),
        reward.networks["encoder"].parameters(),
        strict=True,
    ):
        torch.testing.assert_close(now, 0.75 * before + 0.25 * source)


def test_the_bound_on_mutual_information_is_its_definition():
    scores = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    expected = (math.log(math.e**2 / ((math.e**2 + 1) / 2)) + 0.0) / 2
    assert math.isclose(float(mutual_information(scores)), expected, rel_tol=1e-6)
    assert math.isclose(float(mutual_information(100 * torch.eye(8))), math.log(8), rel_tol=1e-6)


def test_the_critic_raises_the_bound_that_the_generator_lowers():
    reward, lived = trained("byol-hindsight", 20)
    run(reward, lived)
    steps = reward._steps(*lived[-1][:3])
    known, truth = reward._known(steps).detach(), reward._truth(steps)
    quiet = torch.zeros(4, reward.config.noise)

    def bound() -> torch.Tensor:
        return mutual_information(reward._scores(known, reward._latent(known, truth, quiet)))

    before = bound()
    reward.step(reward.optimizers[1], -before)
    raised = bound()
    assert float(raised.detach()) > float(before.detach())
    reward.step(reward.optimizers[0], raised)
    assert float(bound()) < float(raised.detach())


def test_the_two_optimisers_share_no_weight():
    reward, _ = trained("byol-hindsight", 1)
    learner, critic = (
        {id(weight) for group in optimizer.param_groups for weight in group["params"]}
        for optimizer in reward.optimizers
    )
    assert learner
    assert critic
    assert not learner & critic
