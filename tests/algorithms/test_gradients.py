"""The gradient of a batch does not depend on how many of its episodes are in memory at once, nor on ranks."""

from dataclasses import replace
from threading import Barrier, Thread

import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import VecMonitor

from robonav.algorithms.ranks import Ranks
from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.errors import UsageError
from robonav.policies.config import SequencePolicyConfig
from tests.algorithms.test_sequence_ppo import RecallEnv, small_predictor

CONFIG = SequencePPOConfig(rollout_steps=16, sequences_per_batch=8, epochs=1)
POLICY = SequencePolicyConfig(width=32, blocks=1, heads=2, window=8, own_map=None, planner=None)


def learner(num_envs: int = 8, ranks: Ranks | None = None, **options) -> SequencePPO:
    env, config = VecMonitor(RecallEnv(num_envs)), replace(CONFIG, **options)
    return SequencePPO(env, config, POLICY, seed=0, device="cpu", predictor=small_predictor(), ranks=ranks)


def gradients(model: SequencePPO) -> torch.Tensor:
    return torch.cat([weight.grad.flatten() for weight in model.learned])


@pytest.mark.parametrize("micro_batch", [1, 3, 8])
def test_micro_batches_add_up_to_the_gradient_of_the_whole_batch(micro_batch):
    model = learner(micro_batch=micro_batch)
    model.learn(16 * 8)
    whole = learner(micro_batch=100)
    whole.learn(16 * 8)
    assert float(gradients(whole).abs().max()) > 1e-3
    torch.testing.assert_close(gradients(model), gradients(whole), atol=1e-6, rtol=1e-4)


def test_the_gradient_is_that_of_the_clipped_objective():
    model = learner(learning_rate=0.0)
    model.learn(16 * 8)
    found = gradients(model)
    batch = model.rollout_buffer.batch(np.arange(8), torch.device("cpu"))
    model.optimizer.zero_grad()
    distribution, values = model.policy(batch.percepts, batch.starts)
    ratio = (distribution.log_prob(batch.actions) - batch.log_probs).exp()
    gain = torch.min(batch.advantages * ratio, batch.advantages * ratio.clamp(0.8, 1.2))
    error = (values - batch.returns).square()[..., 0]
    entropy_weight = float(model.logger.name_to_value["train/entropy_weight"])
    loss = -gain + 0.5 * error - entropy_weight * distribution.entropy()
    loss.mean().backward()
    wanted = gradients(model)
    wanted *= min(1.0, CONFIG.max_grad_norm / float(wanted.norm()))
    assert float(wanted.abs().max()) > 1e-3
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-3)


def test_no_more_episodes_than_a_micro_batch_go_through_the_network_at_once():
    model, seen = learner(micro_batch=3), []
    model.policy.trunk.register_forward_hook(lambda trunk, given, hidden: seen.append(len(given[0])))
    model.learn(16 * 8)
    assert seen == [3, 3, 2]


class Threads(Ranks):
    """Ranks that are threads of this process and exchange arrays by a shared list."""

    size = 2

    def __init__(self, rank: int, board: list, barrier: Barrier) -> None:
        self.rank, self.board, self.barrier = rank, board, barrier

    def gather(self, part, axis=0):
        self.board[self.rank] = np.array(part)
        self.barrier.wait()
        whole = np.concatenate(self.board, axis)
        self.barrier.wait()
        return whole

    def sum_gradients(self, parameters):
        for weight in parameters:
            whole = self.gather(weight.grad.numpy()[None])
            weight.grad.copy_(torch.from_numpy(whole.sum(0)))


def test_two_ranks_take_the_gradient_step_of_one_process_with_all_sequences():
    barrier, board = Barrier(2), [None, None]
    models = [learner(4, Threads(rank, board, barrier)) for rank in range(2)]
    for model in models:
        model.train = lambda: None  # type: ignore[method-assign]
    whole = learner(8)
    whole.train = lambda: None  # type: ignore[method-assign]
    whole.learn(16 * 8)
    threads = [Thread(target=model.learn, args=(16 * 8,)) for model in models]
    run(threads)
    names = [name for name, value in vars(whole.rollout_buffer).items() if isinstance(value, np.ndarray)]
    for model in models:  # what the one process saw, dealt out
        for name in names:
            setattr(model.rollout_buffer, name, part_of(getattr(whole.rollout_buffer, name), model))
        for name, all_of_them in whole.rollout_buffer.percepts.items():
            model.rollout_buffer.percepts[name] = part_of(all_of_them, model)
        del model.train
    del whole.train
    whole.train()
    run([Thread(target=model.train) for model in models])
    for model in models:
        torch.testing.assert_close(gradients(model), gradients(whole), atol=1e-6, rtol=1e-4)
        assert model.logger.name_to_value == pytest.approx(whole.logger.name_to_value, rel=1e-4, abs=1e-6)


def part_of(whole: np.ndarray, model: SequencePPO) -> np.ndarray:
    """The environments (T, N / 2, ...) of one of two ranks."""
    return np.split(whole, 2, axis=1)[model.ranks.rank].copy()


def run(threads: list[Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_ranks_without_a_common_seed_are_refused():
    with pytest.raises(UsageError, match="need a seed"):
        SequencePPO(
            VecMonitor(RecallEnv(4)),
            CONFIG,
            POLICY,
            predictor=small_predictor(),
            ranks=Threads(0, [], Barrier(2)),
        )


def test_bfloat16_products_learn_nearly_the_same_and_weights_stay_float32():
    exact, rough = learner(precision="float32"), learner(precision="bfloat16")
    for model in (exact, rough):
        model.learn(16 * 8)
    assert {weight.dtype for weight in rough.policy.parameters()} == {torch.float32}
    assert not torch.equal(gradients(exact), gradients(rough))
    values = rough.rollout_buffer.values
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    ratio = float(rough.logger.name_to_value["train/approx_kl"])
    assert abs(ratio) < 1e-2  # acting and learning round alike
