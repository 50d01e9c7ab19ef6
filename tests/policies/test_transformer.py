"""Acting with a cache and learning from whole sequences are the same function."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from robonav.policies.recurrent import RecurrentTrunk
from robonav.policies.transformer import CausalTransformer

WIDTH = 16


def random_weights(model: nn.Module, seed: int) -> nn.Module:
    """Weights that let every part speak."""
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        weight.data = 0.3 * torch.randn(weight.shape, generator=generator)
    return model.eval()


def run_cached(model, x: torch.Tensor, starts: torch.Tensor, context: int | None = None) -> torch.Tensor:
    cache = model.new_cache(x.shape[0], context=context)
    return torch.stack([model.step(x[:, t], starts[:, t], cache) for t in range(x.shape[1])], dim=1)


def sequences(seed: int, length: int, start_rate: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    starts = torch.rand(4, length, generator=generator) < start_rate
    starts[:, 0] = True
    return torch.randn(4, length, WIDTH, generator=generator), starts


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    length=st.integers(1, 40),
    window=st.sampled_from([1, 3, 8, 16, 64]),
    start_rate=st.sampled_from([0.0, 0.1, 0.5]),
    context=st.sampled_from([None, 1, 4, 16]),
)
def test_cached_and_full_forward_agree_across_random_episode_boundaries(
    seed, length, window, start_rate, context
):
    model = random_weights(CausalTransformer(WIDTH, 4, 2, window), seed)
    x, starts = sequences(seed, length, start_rate)
    with torch.no_grad():
        cached, whole = run_cached(model, x, starts, context), model(x, starts, context)
    torch.testing.assert_close(cached, whole, atol=1e-4, rtol=1e-4)


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 40), start_rate=st.sampled_from([0.0, 0.1, 0.5]))
def test_an_lstm_that_acts_agrees_with_whole_sequences_too(seed, length, start_rate):
    model = random_weights(RecurrentTrunk(WIDTH, layers=3), seed)
    x, starts = sequences(seed, length, start_rate)
    with torch.no_grad():
        torch.testing.assert_close(run_cached(model, x, starts), model(x, starts), atol=1e-5, rtol=1e-5)


TRUNKS = [
    CausalTransformer(WIDTH, 2, 2, window=32),
    CausalTransformer(WIDTH, 2, 2, window=4),
    RecurrentTrunk(WIDTH, layers=2),
]


@pytest.mark.parametrize("model", TRUNKS)
def test_nothing_before_an_episode_start_reaches_what_comes_after(model):
    random_weights(model, 0)
    x, starts = torch.randn(1, 12, WIDTH), torch.zeros(1, 12, dtype=torch.bool)
    starts[0, [0, 7]] = True
    other = torch.cat([torch.randn(1, 7, WIDTH), x[:, 7:]], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(model(x, starts)[:, 7:], model(other, starts)[:, 7:])
        assert not torch.allclose(model(x, starts)[:, :7], model(other, starts)[:, :7])


@pytest.mark.parametrize("model", TRUNKS)
def test_the_future_does_not_reach_the_past(model):
    random_weights(model, 0)
    x, starts = torch.randn(1, 10, WIDTH, requires_grad=True), torch.zeros(1, 10, dtype=torch.bool)
    gradient = torch.autograd.grad(model(x, starts)[0, 4, 0], x)[0]
    assert gradient[0, :5].abs().sum() > 0
    assert gradient[0, 5:].abs().sum() == 0


@pytest.mark.parametrize("model", TRUNKS)
def test_a_step_on_a_branch_leaves_no_trace(model):
    random_weights(model, 0)
    x, starts = sequences(3, 12)
    cache = model.new_cache(4)
    with torch.no_grad():
        for t in range(x.shape[1]):
            model.step(torch.randn(4, WIDTH), starts[:, t], cache.branch())
            last = model.step(x[:, t], starts[:, t], cache)
        torch.testing.assert_close(last, model(x, starts)[:, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("context", [1, 2, 4, 7, None])
def test_a_context_reaches_back_just_as_many_frames_as_it_says(context):
    model = random_weights(CausalTransformer(WIDTH, 4, 2, window=3), 1)
    length = 24
    x, starts = torch.randn(1, length, WIDTH, requires_grad=True), torch.zeros(1, length, dtype=torch.bool)
    starts[0, 0] = True
    influence = torch.autograd.grad(model(x, starts, context)[0, -1].sum(), x)[0].abs().sum(-1)[0]
    reach = length - int(torch.nonzero(influence)[0])
    assert reach == min(context or length, 4 * 2 + 1)  # four windows of 3 frames reach no farther


def test_a_window_of_one_frame_has_no_memory():
    model = CausalTransformer(WIDTH, 2, 2, window=1)
    x, starts = torch.randn(1, 6, WIDTH), torch.zeros(1, 6, dtype=torch.bool)
    with torch.no_grad():
        alone = torch.cat([model(x[:, t : t + 1], starts[:, :1]) for t in range(6)], dim=1)
        torch.testing.assert_close(model(x, starts), alone, atol=1e-5, rtol=1e-5)


def test_slots_that_were_never_written_are_poison():
    model = random_weights(CausalTransformer(WIDTH, 2, 2, window=8), 0)
    cache = model.new_cache(1)
    assert all(ring.isnan().all() for ring in (*cache.keys, *cache.values))
    with torch.no_grad():
        for _ in range(3):
            assert model.step(torch.randn(1, WIDTH), torch.tensor([False]), cache).isfinite().all()
    assert cache.keys[0][:, :, 3:].isnan().all()
    assert cache.keys[0][:, :, :3].isfinite().all()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 12), min_size=2, max_size=8),
    window=st.sampled_from([1, 3, 8, 16]),
    start_rate=st.sampled_from([0.0, 0.1, 0.5]),
    context=st.sampled_from([None, 1, 6]),
    trunk=st.sampled_from(["transformer", "lstm"]),
)
def test_memory_that_is_carried_over_cuts_makes_the_full_forward_equal_to_acting(
    seed, cuts, window, start_rate, context, trunk
):
    made = RecurrentTrunk(WIDTH, layers=2) if trunk == "lstm" else CausalTransformer(WIDTH, 3, 2, window)
    model = random_weights(made, seed)
    x, starts = sequences(seed, sum(cuts), start_rate)
    whole = model(x, starts, context)
    cache, first = model.new_cache(4, context=context), 0
    with torch.no_grad():
        for length in cuts:
            memory, part = cache.carry(), slice(first, first + length)
            acting = [model.step(x[:, t], starts[:, t], cache) for t in range(part.start, part.stop)]
            learning = model(x[:, part], starts[:, part], context, memory)
            torch.testing.assert_close(torch.stack(acting, 1), learning, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(whole[:, part], learning, atol=1e-4, rtol=1e-4)
            some = torch.tensor([2, 0])
            torch.testing.assert_close(
                model(x[some, part], starts[some, part], context, memory.part(some)), learning[some]
            )
            first += length


def test_positions_stay_low_however_long_an_agent_goes_on():
    model = random_weights(CausalTransformer(WIDTH, 2, 2, window=8), 0)
    cache, no = model.new_cache(1), torch.zeros(1, dtype=torch.bool)
    with torch.no_grad():
        for _ in range(10):
            cache.carry()
            for _ in range(20):
                model.step(torch.randn(1, WIDTH), no, cache)
    assert cache.step == 28
