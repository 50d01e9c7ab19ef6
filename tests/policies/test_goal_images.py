"""The goal image is context of every frame; policies without one are what they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from safetensors.torch import load_file

from robonav.agents.checkpoint import load_policy, save_checkpoint
from robonav.agents.registry import make_explorer
from robonav.agents.shipped import SHIPPED
from robonav.errors import UsageError
from robonav.perception.goal_finder import CELLS, GoalFinderConfig
from robonav.perception.predictor import PredictorConfig
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.sequence import SequencePolicy
from robonav.training.fine_tuning import take_over
from tests.policy_sizes import MAP_AND_PLANNER

SMALL = SequencePolicyConfig(
    width=32,
    blocks=1,
    heads=2,
    window=4,
    predictor=PredictorConfig(channels=(8, 8, 8, 8), column=8, squeezed=2),
    **MAP_AND_PLANNER,
)
FINDER = GoalFinderConfig(channels=(4, 4, 4, 4), keys=2, key=3, told=2, compared=(4, 4, 4), hidden=8)
IMAGE = spaces.Box(0, 255, (3, 40, 40), np.uint8)


def policy_that_sees(*images: str) -> SequencePolicy:
    torch.manual_seed(0)
    space = spaces.Dict({**dict.fromkeys(images, IMAGE), "previous_action": spaces.Discrete(4)})
    policy = SequencePolicy(space, spaces.Discrete(3), SMALL).eval()
    for weight in policy.encoder.predictor.parameters():
        weight.data *= 3.5  # as strong as the features of a predictor that was taught
    return policy


def frames(length: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 255, (length, 1, 3, 40, 40), dtype=torch.uint8, generator=generator)


def rolled_out(policy: SequencePolicy, rgb: torch.Tensor, goals: torch.Tensor | None, starts: list[bool]):
    """Log-probabilities (T, 3) of acting, and the percepts."""
    memory, outputs, percepts = policy.new_memory(1), [], []
    for t, start in enumerate(starts):
        observation = {"rgb": rgb[t], "previous_action": torch.tensor([1])}
        observation |= {} if goals is None else {"goal": goals[t]}
        with torch.no_grad():
            percepts.append(policy.perceive(observation, memory, torch.tensor([start])))
            outputs.append(policy.step(percepts[-1], memory, torch.tensor([start]))[0].logits[0])
    return torch.stack(outputs), percepts


def test_another_goal_changes_what_is_done_at_every_step_even_beyond_the_window():
    policy, rgb, starts = policy_that_sees("rgb", "goal"), frames(10, 1), [True] + [False] * 9
    one, _ = rolled_out(policy, rgb, frames(1, 2).expand(10, -1, -1, -1, -1), starts)
    again, _ = rolled_out(policy, rgb, frames(1, 2).expand(10, -1, -1, -1, -1), starts)
    other, _ = rolled_out(policy, rgb, frames(1, 3).expand(10, -1, -1, -1, -1), starts)
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert ((one - other).abs().amax(dim=1) > 1e-5).all()


def test_a_goal_is_looked_at_when_its_episode_starts_and_kept_until_the_next():
    policy, rgb, goals = policy_that_sees("rgb", "goal"), frames(6, 1), frames(6, 2)
    _, percepts = rolled_out(policy, rgb, goals, [True, False, False, True, False, False])
    with torch.no_grad():
        first, second = policy.encoder.predictor(goals[0]), policy.encoder.predictor(goals[3])
    kept = torch.cat([percept["goal"] for percept in percepts])
    torch.testing.assert_close(kept, torch.cat([first] * 3 + [second] * 3))


def test_acting_equals_the_whole_sequence_with_goals_too():
    policy, rgb, goals = policy_that_sees("rgb", "goal"), frames(8, 1), frames(8, 2)
    starts = [True, False, False, True, False, False, False, False]
    acting, percepts = rolled_out(policy, rgb, goals, starts)
    sequence = {name: torch.stack([percept[name] for percept in percepts], 1) for name in percepts[0]}
    with torch.no_grad():
        whole = policy(sequence, torch.tensor([starts]))[0].logits[0]
    torch.testing.assert_close(acting, whole, atol=1e-4, rtol=1e-4)


def test_the_goal_learns():
    policy, rgb, goals = policy_that_sees("rgb", "goal"), frames(1, 1), frames(1, 2)
    _, percepts = rolled_out(policy, rgb, goals, [True])
    sequence = {name: part[:, None] for name, part in percepts[0].items()}
    policy(sequence, torch.ones(1, 1, dtype=torch.bool))[0].logits[..., 0].sum().backward()
    gradients = [weight.grad for weight in policy.encoder.goal.parameters()]
    assert gradients
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients)


def test_the_shipped_explorer_has_no_goal_and_every_weight_of_its_file():
    policy, config = load_policy(SHIPPED / "explorer")
    assert "goal" not in config["observation"]
    saved = load_file(SHIPPED / "explorer" / "model.safetensors")  # format 6, with older names
    names = {name.replace("encoder.eye.", "encoder.predictor.") for name in saved}
    assert policy.state_dict().keys() == names


def test_other_spaces_are_still_refused():
    with pytest.raises(
        UsageError, match="the observation has a key 'own_map', which the policy makes itself"
    ):
        policy_that_sees("rgb", "own_map")


def seeker(finder: GoalFinderConfig | None = FINDER) -> SequencePolicy:
    """A policy with a planner that is told where pictures were taken, or whose finder tells it nothing."""
    torch.manual_seed(0)
    space = spaces.Dict({"rgb": IMAGE, "goal": IMAGE, "previous_action": spaces.Discrete(4)})
    return SequencePolicy(space, spaces.Discrete(3), replace(SMALL, finder=finder)).eval()


def test_the_planner_is_told_where_the_picture_seems_to_have_been_taken_and_peeking_changes_no_belief():
    policy, rgb, goals = seeker(), frames(12, 1), frames(1, 2)
    for weight in policy.search.finder.pair[-1].parameters():
        weight.data.zero_()
    policy.search.finder.pair[-1].bias.data[0] = 9.0  # whatever it sees
    policy.search.finder.pair[-1].bias.data[1 + CELLS**2 // 2 - 2] = 9.0  # a metre to the right of it
    memory, nowhere = policy.new_memory(1), seeker(None).new_memory(1)
    observation = {"goal": goals[0], "previous_action": torch.tensor([1])}
    for t in range(3):
        starts = torch.tensor([t == 0])
        with torch.no_grad():
            policy.perceive({**observation, "rgb": rgb[t]}, memory, starts)
            seeker(None).perceive({**observation, "rgb": rgb[t]}, nowhere, starts)
            votes = memory.search.votes.clone()
            policy.peek_value({**observation, "rgb": rgb[t + 1]}, memory)
        assert torch.equal(memory.search.votes, votes)
    votes = memory.search.votes[0]
    assert torch.nonzero(votes == votes.max())[0].tolist() == [0, 62]  # y = -1 m, on a map of 64 cells
    assert float(votes.max()) > 1.5
    assert nowhere.search.votes.numel() == 0


def test_a_checkpoint_keeps_the_finder_and_an_explorer_without_one_can_be_fine_tuned_with_it(tmp_path):
    policy = seeker()
    save_checkpoint(tmp_path / "it", policy, {}, {}, {})
    loaded, _ = load_policy(tmp_path / "it")
    assert loaded.config.finder == FINDER
    for name, weight in policy.search.finder.state_dict().items():
        assert torch.equal(loaded.search.finder.state_dict()[name], weight)
    explorer = policy_that_sees("rgb")
    take_over(policy, explorer, "it")
    assert torch.equal(policy.actor.weight, explorer.actor.weight)
    with pytest.raises(UsageError, match="goal images, which this task does not show"):
        take_over(explorer, policy, "it")


def test_a_finder_needs_a_planner_to_tell():
    with pytest.raises(UsageError, match="a finder tells a planner where to go"):
        replace(SMALL, own_map=None, planner=None, finder=FINDER)


def test_the_planner_that_looks_for_pictures_says_so_where_there_are_none():
    with pytest.raises(UsageError, match="picture-planner looks for goal images: add --task image-goal"):
        make_explorer("picture-planner")
