"""Configurations as JSON: what a run saves, and the way back."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from robonav.envs.navigation.tasks import TaskConfig, task_class, task_config
from robonav.envs.worlds import make_world
from robonav.errors import UsageError
from robonav.policies.config import RENAMED_OF_POLICIES, RETIRED_OF_POLICIES
from robonav.rewards.config import RewardConfig
from robonav.rewards.registry import make_reward, reward_class
from robonav.training.config import TrainConfig


def as_json(config: TrainConfig) -> str:
    """The text of a run's `config.json`."""
    return json.dumps(dataclasses.asdict(config), indent=1)


def read_saved_config(path: Path) -> TrainConfig:
    """The configuration in a run's or a checkpoint's `config.json`, equal to the one that was saved.

    Raises:
        UsageError: The file is missing or damaged, holds an unknown key, or a value of a wrong type.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path}: cannot be read ({str(error)[:80]}): give the config.json of a run"
        ) from error
    run = content.get("run", content) if isinstance(content, dict) else None
    if not isinstance(run, dict):
        raise UsageError(f"{path}: holds no configuration: give the config.json that `robonav train` wrote")
    try:
        return config_from(run)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def config_from(saved: Mapping[str, Any]) -> TrainConfig:
    """The configuration that `dataclasses.asdict` made these fields of.

    Raises:
        UsageError: A key is unknown, or a value has a wrong type.
    """
    fields, task = in_new_words(saved), saved.get("task")
    options = fields.pop("task_options", None)
    reward_options = fields.pop("reward_options", None)
    world_options = fields.pop("world_options", None)
    old = {name: fields.pop(name) for name in _REWARDS_OWN if name in fields}
    short = {flag: name for flag, name in task_class(task).aliases.items() if flag in fields}
    if short:  # as runs were saved before tasks had options of their own
        options = {name: fields[flag] for flag, name in short.items()}
    fields = {name: value for name, value in fields.items() if name not in _RETIRED}
    for part, retired in (("policy", RETIRED_OF_POLICIES), ("ppo", _RETIRED_OF_PPO)):
        if isinstance(fields.get(part), dict):
            fields[part] = {k: v for k, v in fields[part].items() if retired.get(k, _NO) not in (v, _ANY)}
    _refuse_unknown(fields, TrainConfig)
    try:
        config = msgspec.convert(fields, TrainConfig)
        chosen = None if options is None else task_config(task, **options)
        reward = _reward(config.reward, reward_options, old)
        _check_types(chosen)
        world = None if world_options is None else make_world(str(config.world), **world_options)
        world = None if world is None else msgspec.convert(dataclasses.asdict(world), type(world))
        return dataclasses.replace(config, task_options=chosen, reward_options=reward, world_options=world)
    except (msgspec.ValidationError, TypeError) as error:
        raise UsageError(f"{error}: give a value of that type") from error


def in_new_words(saved: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a saved run, former names of options replaced by today's."""
    fields = {_RENAMED.get(name, name): value for name, value in saved.items()}
    if isinstance(policy := fields.get("policy"), dict):
        fields["policy"] = {RENAMED_OF_POLICIES.get(name, name): value for name, value in policy.items()}
    return fields


_RENAMED = {"vision": "predictor"}
_NO, _ANY = object(), object()
_RETIRED_OF_PPO = {"parts": 1, "random_actions": 0.0, "random_actions_steps": _ANY}
_RETIRED = ("apples", "obstacles", "drift", "goal_m", "approach")  # fields of every run once
_REWARDS_OWN = ("memory_frames", "voxel_size", "reach_m")  # so were these, which are options of rewards


def _reward(name: str, options: Mapping[str, Any] | None, old: Mapping[str, Any]) -> RewardConfig | None:
    """The options of a reward; of `old` ones those that it has."""
    if options is None and not old:
        return None
    kind = reward_class(name)
    has = [field.name for field in dataclasses.fields(kind)]
    made = make_reward(name, **(options or {key: value for key, value in old.items() if key in has}))
    return msgspec.convert(vars(made), kind)


def _refuse_unknown(found: Mapping[str, Any], kind: Any, prefix: str = "") -> None:
    """Refuse keys that a dataclass has not, in it or in the dataclasses that its fields are."""
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for name, value in found.items():
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"perhaps you meant {prefix}{near[0]}" if near else f"expected one of {', '.join(names)}"
            raise UsageError(f"there is no key {prefix + name!r}: {hint}")
        inner = _dataclass_in(hints[name])
        if inner and isinstance(value, dict):
            _refuse_unknown(value, inner, f"{prefix}{name}.")


def _dataclass_in(hint: Any) -> type[Any] | None:
    """The dataclass in a hint such as `Camera | None`."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    kinds = typing.get_args(hint) if is_union else (hint,)
    return next((kind for kind in kinds if dataclasses.is_dataclass(kind) and isinstance(kind, type)), None)


def _check_types(options: TaskConfig | None) -> None:
    """Options of tasks are made by their own classes; hold their types against the hints."""
    if options is not None:
        msgspec.convert(vars(options), type(options))
