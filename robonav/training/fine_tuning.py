"""Training that starts from the weights of a trained explorer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from robonav.agents.checkpoint import load_policy
from robonav.agents.shipped import checkpoint_folder
from robonav.errors import UsageError
from robonav.policies.sequence import SequencePolicy

if TYPE_CHECKING:
    from robonav.algorithms.sequence_ppo import SequencePPOConfig


_GENTLE = 0.15


def fine_tuning_rates(ppo: SequencePPOConfig) -> SequencePPOConfig:
    """Hyper-parameters for a policy that knows something already: small steps, and little pay for chance.

    At the rate of a new policy, a rare reward and the entropy bonus make an explorer forget how to explore.
    """
    return replace(
        ppo,
        learning_rate=_GENTLE * ppo.learning_rate,
        entropy=_GENTLE * ppo.entropy,
        final_entropy=_GENTLE * ppo.final_entropy,
    )


def starting_policy(init: str | None) -> SequencePolicy | None:
    """The policy to start from: a shipped one by its name, or that of a checkpoint or run folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    return load_policy(checkpoint_folder(init))[0] if init else None


def take_over(policy: SequencePolicy, start: SequencePolicy, name: str) -> None:
    """Give a new policy the weights of another; what only the new one has, for goals, stays as it is.

    Args:
        policy: The new one.
        start: Where its weights come from.
        name: Name of `start` in messages.

    Raises:
        UsageError: They are of different sizes, or `start` wants a goal that the new one is not shown.
    """
    if replace(policy.config, finder=None) != replace(start.config, finder=None):
        raise UsageError(f"{name} holds a policy of another size: fine-tune it with the preset of its size")
    missing, unexpected = policy.load_state_dict(start.state_dict(), strict=False)
    if unexpected:
        raise UsageError(
            f"{name} was trained to go to goal images, which this task does not show, or to places: "
            "start from an explorer"
        )
    assert all(weight.startswith(("encoder.goal.", "search.")) for weight in missing), missing
