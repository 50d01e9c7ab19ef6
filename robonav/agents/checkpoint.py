"""Checkpoints: a folder that says what it holds, written atomically, never unpickled.

step_000131072/
model.safetensors      weights of the policy
training.safetensors   optimiser, random state, reward normaliser, episode counters
config.json            what the policy sees and does, its size, the whole run configuration, versions
README.md              model card
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from gymnasium import spaces
from torch import Tensor

from robonav.agents.spaces import describe_space, space_of
from robonav.files import (
    FORMAT,
    CheckpointError,
    damaged,
    find_checkpoint,
    read_config,
    read_tensors,
    write_folder,
)
from robonav.perception.shipped import UNFIT, built_to_fit, finder_config, predictor_config
from robonav.planners.next_best_view import PlannerConfig
from robonav.planners.own_map import OwnMapConfig
from robonav.policies.config import RENAMED_OF_POLICIES, RETIRED_OF_POLICIES, SequencePolicyConfig
from robonav.policies.sequence import SequencePolicy
from robonav.provenance import git_revision, versions


def save_checkpoint(
    folder: Path,
    policy: SequencePolicy,
    training: dict[str, Tensor],
    run: dict[str, Any],
    facts: dict[str, Any],
) -> Path:
    """Write a checkpoint.

    Args:
        folder: Where it goes; replaced if it exists.
        policy: Its weights and configuration are saved.
        training: Named tensors from which training continues.
        run: The resolved configuration of the run.
        facts: Further facts, such as steps and metrics.
    """
    config = {
        "format": FORMAT,
        "observation": describe_space(policy.observation_space),
        "action": describe_space(policy.action_space),
        "policy": dataclasses.asdict(policy.config),
        "run": run,
        "facts": facts,
        "versions": versions(),
        "git_revision": git_revision(),
    }
    weights = dict(policy.state_dict())
    texts = {"config.json": json.dumps(config, indent=1), "README.md": model_card(config)}
    write_folder(folder, {"model.safetensors": weights, "training.safetensors": training}, texts)
    return folder


def load_policy(path: Path, device: str = "cpu") -> tuple[SequencePolicy, dict[str, Any]]:
    """The policy of a checkpoint or run folder, and its `config.json`.

    Raises:
        CheckpointError: A file is missing, damaged or does not fit the others.
    """
    folder = find_checkpoint(path)
    config = read_config(folder)
    _refuse_retired(folder, config)
    weights = _renamed(read_tensors(folder / "model.safetensors"))
    try:
        policy = built_to_fit(lambda: _described_policy(config, len(weights)), weights)
    except UNFIT as error:
        finding = f"the policy it describes cannot be built ({str(error)[:120]})"
        raise damaged(folder / "config.json", finding) from error
    try:
        policy.load_state_dict(weights)
    except RuntimeError as error:
        raise damaged(folder / "model.safetensors", "its weights do not fit config.json") from error
    return policy.to(device).eval(), config


def _refuse_retired(folder: Path, config: dict[str, Any]) -> None:
    """Say so where a policy was trained with an option that is no more."""
    policy = config.get("policy")
    for name, value in policy.items() if isinstance(policy, dict) else ():
        if name in RETIRED_OF_POLICIES and value != RETIRED_OF_POLICIES[name]:
            raise CheckpointError(
                f"{folder}/config.json: {name} is {value!r}, and this robonav reads only "
                f"{RETIRED_OF_POLICIES[name]!r}; "
                "install the robonav version named in it under versions, or train again"
            )


def _described_policy(config: dict[str, Any], num_tensors: int) -> SequencePolicy:
    """A new policy of the sizes in `config.json`, which are held against limits first."""
    if not 0 <= int(config["policy"]["blocks"]) <= num_tensors:
        raise ValueError(f"{config['policy']['blocks']} blocks of {num_tensors} tensors")
    described = config["observation"].items()
    observation = spaces.Dict({name: space_of(name, space) for name, space in described})
    saved = {RENAMED_OF_POLICIES.get(name, name): value for name, value in config["policy"].items()}
    sizes = {
        **{name: value for name, value in saved.items() if name not in RETIRED_OF_POLICIES},
        "predictor": predictor_config(saved["predictor"]),
        "own_map": _own_map_config(saved["own_map"]),
        "finder": finder_config(finder) if (finder := saved.get("finder")) else None,
        "planner": PlannerConfig(**planner) if (planner := saved["planner"]) else None,
    }
    action = space_of("action", config["action"])
    return SequencePolicy(observation, action, SequencePolicyConfig(**sizes))


def _own_map_config(saved: dict[str, Any] | None) -> OwnMapConfig | None:
    return OwnMapConfig(**{**saved, "scales": tuple(saved["scales"])}) if saved else None


def model_card(config: dict[str, Any]) -> str:
    """A page for whoever finds the folder."""
    facts = "\n".join(f"- {key}: {value}" for key, value in config["facts"].items())
    return (
        "# robonav explorer\n\n"
        "A policy that was trained in simulated worlds. Weights in `model.safetensors`, everything else in "
        "`config.json`; evaluate it with `robonav evaluate THIS_FOLDER`.\n\n"
        f"- sees: {json.dumps(config['observation'])}\n"
        f"- acts: {json.dumps(config['action'])} (3 = forward 0.25 m, left 15°, right 15°)\n"
        f"- trained on: {config['run'].get('scenes', 'unknown')}\n"
        f"- task: {config['run'].get('task') or 'exploring'}\n{facts}\n\n"
        "Limits: trained in static simulated worlds at one camera height; not tested on a robot.\n"
    )


def _renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under the names of this format; format 6 has `encoder.eye` for `encoder.predictor`."""
    return {name.replace("encoder.eye.", "encoder.predictor.", 1): value for name, value in weights.items()}
