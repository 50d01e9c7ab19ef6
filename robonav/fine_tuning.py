"""Training that starts from the weights of a trained explorer."""

from __future__ import annotations

from robonav.checkpoint import load_policy
from robonav.errors import UsageError
from robonav.evaluation.explorer import checkpoint_folder
from robonav.policies.sequence import SequencePolicy


def starting_policy(init: str | None) -> SequencePolicy | None:
    """The policy to start from: a shipped one by its name, or that of a checkpoint or run folder.

    Raises:
        CheckpointError: There is none, or it is damaged.
    """
    return load_policy(checkpoint_folder(init))[0] if init else None


def take_over(policy: SequencePolicy, start: SequencePolicy, name: str) -> None:
    """Give a new policy the weights of another; what only the new one has, its view of a goal, stays new.

    Args:
        policy: The new one.
        start: Where its weights come from.
        name: What the user calls `start`.

    Raises:
        UsageError: They are of different sizes, or `start` wants a goal that the new one is not shown.
    """
    if policy.config != start.config:
        raise UsageError(f"{name} holds a policy of another size: fine-tune it with the preset of its size")
    missing, unexpected = policy.load_state_dict(start.state_dict(), strict=False)
    if unexpected:
        raise UsageError(
            f"{name} was trained to go to goal images, which this task does not show, or to places: "
            "start from an explorer"
        )
    assert all(weight.startswith("encoder.goal.") for weight in missing), missing
