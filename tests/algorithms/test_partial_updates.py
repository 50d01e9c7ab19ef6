"""Updates within an episode: from the latest steps only, with memory that the new weights have made."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecMonitor

from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.errors import UsageError
from robonav.policies.config import SequencePolicyConfig
from tests.algorithms.test_sequence_ppo import RecallEnv, small_eye

POLICY = SequencePolicyConfig(width=32, blocks=2, heads=2, window=8, spatial=None, guidance=None)
CONFIG = SequencePPOConfig(rollout_steps=16, sequences_per_batch=8, epochs=1, schedule_steps=10**9)
CPU, ALL = torch.device("cpu"), np.arange(8)


def learner(policy: SequencePolicyConfig = POLICY, **options) -> SequencePPO:
    config = replace(CONFIG, **options)
    return SequencePPO(VecMonitor(RecallEnv(8)), config, policy, seed=0, device="cpu", eye=small_eye())


@pytest.mark.parametrize(
    "policy",
    [
        POLICY,
        replace(POLICY, memory_every=1, window=4),
        replace(POLICY, actor_context=3),
        replace(POLICY, trunk="lstm"),
    ],
    ids=["window", "global memory", "two contexts", "lstm"],
)
def test_after_an_update_memory_is_as_if_the_new_weights_had_always_acted(policy):
    """The oracle is the whole sequence at once: each step after an update must give its distribution."""
    model = learner(policy, parts=2, learning_rate=0.05)
    model.train = lambda: None  # type: ignore[method-assign]  # so the weights of the second half stay
    before = torch.cat([weight.detach().flatten().clone() for weight in model.learned])
    model.learn(16 * 8)
    after = torch.cat([weight.detach().flatten() for weight in model.learned])
    assert float((after - before).abs().max()) > 0.01
    batch = model.rollout_buffer.batch(ALL, CPU, range(8, 16))
    with torch.no_grad():
        distribution, values = model.policy(batch.percepts, batch.starts)
    log_probs = distribution.logits[:, 8:].gather(-1, batch.actions[..., None])[..., 0]
    torch.testing.assert_close(log_probs, batch.log_probs, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(values[:, 8:], batch.values, atol=1e-4, rtol=1e-4)


def test_its_gradient_is_that_of_the_latest_steps_of_the_plain_loss():
    model = learner(parts=2, learning_rate=0.0)
    model.train = lambda: None  # type: ignore[method-assign]
    model.learn(16 * 8)
    model._learn_from(range(8, 16))
    found = torch.cat([weight.grad.flatten() for weight in model.learned])
    batch = model.rollout_buffer.batch(ALL, CPU, range(16))
    model.optimizer.zero_grad()
    distribution, values = model.policy(batch.percepts, batch.starts)
    ratio = (distribution.log_prob(batch.actions) - batch.log_probs).exp()
    gain = torch.min(batch.advantages * ratio, batch.advantages * ratio.clamp(0.8, 1.2))
    error = (values - batch.returns).square()
    loss = -gain + 0.5 * error - CONFIG.entropy * distribution.entropy()
    loss[:, 8:].mean().backward()
    wanted = torch.cat([weight.grad.flatten() for weight in model.learned])
    wanted *= min(1.0, CONFIG.max_grad_norm / float(wanted.norm()))
    assert float(wanted.abs().max()) > 1e-3
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("parts", [2, 4])
def test_without_learning_and_traces_parts_change_nothing(parts):
    """One-step advantages need no more than the next value: where nothing is learned, parts do not matter."""
    buffers = []
    for each in (1, parts):
        model = learner(learning_rate=0.0, gae_lambda=0.0, parts=each)
        model.learn(16 * 8)
        buffers.append(model.rollout_buffer)
    np.testing.assert_array_equal(buffers[0].actions, buffers[1].actions)
    np.testing.assert_array_equal(buffers[0].starts, buffers[1].starts)
    np.testing.assert_allclose(buffers[0].returns, buffers[1].returns, atol=1e-5)


def test_it_takes_as_many_gradient_steps_a_part_as_else_a_rollout():
    model, seen = learner(parts=4, sequences_per_batch=4, micro_batch=4, epochs=2), []
    model.policy.trunk.register_forward_hook(lambda trunk, given, hidden: seen.append(given[0].shape[:2]))
    model.learn(16 * 8)
    assert seen == [(4, steps) for steps in (4, 8, 12, 16) for _ in range(4)]


@pytest.mark.parametrize("parts", [0, 3, -1])
def test_parts_that_do_not_divide_a_rollout_are_refused(parts):
    with pytest.raises(UsageError, match=f"parts is {parts}: give"):
        SequencePPOConfig(rollout_steps=16, parts=parts)


def test_its_log_is_the_mean_over_all_parts_since_the_last_one():
    model = learner(parts=2)
    steps, learned = [], model._gradient_step

    def spy(*given):
        steps.append(learned(*given))
        return steps[-1]

    model._gradient_step = spy  # type: ignore[method-assign]
    logged, dump = [], model.dump_logs

    def note(iteration=0):
        logged.append(dict(model.logger.name_to_value))
        dump(iteration)

    model.dump_logs = note  # type: ignore[method-assign]
    model.learn(2 * 16 * 8)
    assert len(steps) == 4
    since = steps[1:3]  # the last part of the first rollout is learned from after its log is written
    assert abs(float(since[0][1] - since[1][1])) > 1e-6  # value losses, so their mean is neither
    assert logged[1]["train/value_loss"] == pytest.approx(float(np.mean(since, axis=0)[1]), rel=1e-5)
