"""Sizes and ablations: what a variant's name promises is what its policy does."""

from dataclasses import replace

import pytest
import torch
from gymnasium import spaces

from benchmarks.ablations import VARIANTS
from robonav.envs.navigation.world import observation_space
from robonav.envs.sensors.camera import Camera
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.sequence import SequencePolicy


def policy_of(config: SequencePolicyConfig) -> SequencePolicy:
    torch.manual_seed(0)
    policy = SequencePolicy(observation_space(Camera()), spaces.Discrete(3), config)
    for weight in (policy.actor.weight, policy.critic.weight):
        torch.nn.init.normal_(weight)
    return policy


def influence(variant: str, length: int = 40) -> tuple[int, int]:
    """Number of frames that reach the last logits, and the last value."""
    policy = policy_of(VARIANTS[variant].policy)
    features = torch.randn(1, length, policy.config.predictor.features, requires_grad=True)
    starts = torch.arange(length)[None] == 0
    percepts = {"rgb": features, "previous_action": torch.ones(1, length, dtype=torch.int64)}
    distribution, values = policy(percepts, starts)
    reach = []
    for output in (distribution.logits[0, -1, 0] - distribution.logits[0, -1, 1], values[0, -1, 0]):
        gradient = torch.autograd.grad(output, features, retain_graph=True)[0][0].abs().sum(-1)
        reach.append(length - int(torch.nonzero(gradient)[0]))
    return reach[0], reach[1]


@pytest.mark.parametrize(
    ("variant", "actor", "critic"),
    [
        ("recuriosity", 40, 40),
        ("actor-1", 1, 40),
        ("critic-1", 40, 1),
        ("context-4", 4, 4),
        ("context-16", 16, 16),
        ("memoryless", 1, 1),
        ("rnn", 40, 40),
    ],
)
def test_actor_and_critic_look_back_on_as_many_frames_as_the_variant_says(variant, actor, critic):
    assert influence(variant) == (actor, critic)


def learned(policy: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in policy.parameters() if weight.requires_grad)


def test_the_lstm_is_as_large_as_the_transformer_that_it_replaces():
    with torch.device("meta"):
        sizes = [learned(policy_of(VARIANTS[name].policy).trunk) for name in ("rnn", "recuriosity")]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)


SMALL = SequencePolicyConfig(width=16, blocks=2, heads=2, window=4, own_map=None, planner=None)


@pytest.mark.parametrize(
    "options",
    [
        {"actor_context": 1},
        {"critic_context": 3},
        {"trunk": "lstm"},
    ],
)
def test_acting_equals_the_whole_sequence_and_peeking_leaves_no_trace(options):
    policy = policy_of(replace(SMALL, **options))
    generator, percepts, outputs = torch.Generator().manual_seed(0), [], []
    starts = torch.rand(20, 2, generator=generator) < 0.2
    memory = policy.new_memory(2)
    with torch.no_grad():
        for t in range(20):
            rgb = torch.randint(0, 255, (2, 2, 3, 64, 64), dtype=torch.uint8, generator=generator)
            previous = torch.randint(0, 4, (2,), generator=generator)
            policy.peek_value({"rgb": rgb[0], "previous_action": previous}, memory)
            percepts.append(policy.perceive({"rgb": rgb[1], "previous_action": previous}, memory, starts[t]))
            distribution, value = policy.step(percepts[-1], memory, starts[t])
            outputs.append(torch.cat([distribution.logits, value], dim=1))
        whole, values = policy(
            {name: torch.stack([percept[name] for percept in percepts], 1) for name in percepts[0]}, starts.T
        )
    found = torch.stack(outputs, 1)
    torch.testing.assert_close(found[..., :3], whole.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[..., 3:], values, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"actor_context": 0}, "contexts must be at least 1"),
        ({"trunk": "lstm", "critic_context": 4}, "contexts need the transformer"),
        ({"trunk": "gru"}, "choose transformer or lstm"),
    ],
)
def test_sizes_that_cannot_be_built_are_refused(options, finding):
    with pytest.raises(ValueError, match=finding):
        replace(SMALL, **options)
