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
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from robonav.errors import UsageError
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.goal_finder import GoalFinder, GoalFinderConfig
from robonav.policies.guidance import GuidanceConfig
from robonav.policies.sequence import SequencePolicy
from robonav.policies.spatial_memory import SpatialMemoryConfig
from robonav.policies.vision import VisionConfig, VisionEncoder
from robonav.provenance import git_revision, versions

FORMAT = 6
EYES = Path(__file__).parent / "policies" / "eyes"
FINDERS = Path(__file__).parent / "policies" / "finders"
_MAX_SIDE = 4096  # pixels of an image
_PLACES = {"point_goal": (2,), "odometry": (4,)}  # what tasks tell beside images
# Options that policies had once, and the only value of each that a policy still has.
_RETIRED = {"qk_norm": False, "rotary": True, "memory_every": 0, "action_token": "embedding"}
_UNFIT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
_FILES = ("model.safetensors", "training.safetensors", "config.json")


class CheckpointError(UsageError):
    """A checkpoint that cannot be used; the message names the file, the finding and the remedy."""


def write_folder(folder: Path, tensors: dict[str, dict[str, Tensor]], texts: dict[str, str]) -> None:
    """Write a folder of .safetensors and text files so that it exists completely or not at all."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name, group in tensors.items():
        save_file({key: value.detach().cpu().contiguous() for key, value in group.items()}, temporary / name)
    for name, text in texts.items():
        (temporary / name).write_text(text)
    for path in temporary.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
    replaced = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():  # moved aside first: a kill between the two renames loses nothing
        folder.rename(replaced)
    temporary.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


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
        facts: What else is worth knowing: steps, metrics.
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


def find_checkpoint(path: Path) -> Path:
    """The checkpoint folder at `path`: itself, or the newest one of a run folder.

    Raises:
        CheckpointError: There is none.
    """
    if (path / "config.json").is_file() and (path / "model.safetensors").is_file():
        return path
    found = sorted(p for p in (path / "checkpoints").glob("step_*") if re.fullmatch(r"step_\d+", p.name))
    if not found:
        raise CheckpointError(
            f"{path}: no checkpoint found; expected a folder with {', '.join(_FILES)}, "
            "or a run folder of `robonav train`"
        )
    return found[-1]


def read_config(folder: Path) -> dict[str, Any]:
    """The checked `config.json` of a checkpoint folder."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise _damaged(path, "it is not the description of a checkpoint")
    if config["format"] != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {config['format']}, this robonav reads format {FORMAT}; "
            "install the robonav version named in it under versions, or train again"
        )
    return config


def load_policy(path: Path, device: str = "cpu") -> tuple[SequencePolicy, dict[str, Any]]:
    """The policy of a checkpoint or run folder, and its `config.json`.

    Raises:
        CheckpointError: A file is missing, damaged or does not fit the others.
    """
    folder = find_checkpoint(path)
    config = read_config(folder)
    _refuse_retired(folder, config)
    weights = read_tensors(folder / "model.safetensors")
    try:
        policy = _built_to_fit(lambda: _described_policy(config, len(weights)), weights)
    except _UNFIT as error:
        finding = f"the policy it describes cannot be built ({str(error)[:120]})"
        raise _damaged(folder / "config.json", finding) from error
    try:
        policy.load_state_dict(weights)
    except RuntimeError as error:
        raise _damaged(folder / "model.safetensors", "its weights do not fit config.json") from error
    return policy.to(device).eval(), config


Module = TypeVar("Module", bound=torch.nn.Module)


def _built_to_fit(build: Callable[[], Module], weights: dict[str, Tensor]) -> Module:
    """A new module; ValueError before it takes any memory if its sizes are not those of the weights."""
    with torch.device("meta"):
        described = build().state_dict()
    if {name: t.shape for name, t in described.items()} != {name: t.shape for name, t in weights.items()}:
        raise ValueError("its sizes do not fit the weights")
    return build()


def _refuse_retired(folder: Path, config: dict[str, Any]) -> None:
    """Say so where a policy was trained with an option that is no more."""
    policy = config.get("policy")
    for name, value in policy.items() if isinstance(policy, dict) else ():
        if name in _RETIRED and value != _RETIRED[name]:
            raise CheckpointError(
                f"{folder}/config.json: {name} is {value!r}, and this robonav reads only {_RETIRED[name]!r}; "
                "install the robonav version named in it under versions, or train again"
            )


def _described_policy(config: dict[str, Any], num_tensors: int) -> SequencePolicy:
    """A new policy of the sizes in `config.json`, which are held against limits first."""
    shape = tuple(int(side) for side in config["observation"]["rgb"])  # channels first as SB3 has it, or last
    if not (len(shape) == 3 and 3 in (shape[0], shape[2]) and 0 < min(shape) <= max(shape) <= _MAX_SIDE):
        raise ValueError(f"an image of {shape}")
    if not 0 <= int(config["policy"]["blocks"]) <= num_tensors:
        raise ValueError(f"{config['policy']['blocks']} blocks of {num_tensors} tensors")
    images = {"rgb", "goal"} & config["observation"].keys()
    places = {name: size for name, size in _PLACES.items() if name in config["observation"]}
    observation = spaces.Dict(
        {
            **{name: spaces.Box(0, 255, shape, np.uint8) for name in images},
            **{name: spaces.Box(-np.inf, np.inf, size, np.float32) for name, size in places.items()},
            "previous_action": spaces.Discrete(int(config["observation"]["previous_action"])),
        }
    )
    sizes = {
        **{name: value for name, value in config["policy"].items() if name not in _RETIRED},
        "vision": _vision_config(config["policy"]["vision"]),
        "spatial": _spatial_config(config["policy"]["spatial"]),
        "finder": _finder_config(finder) if (finder := config["policy"].get("finder")) else None,
        "guidance": GuidanceConfig(**guidance) if (guidance := config["policy"]["guidance"]) else None,
    }
    return SequencePolicy(observation, spaces.Discrete(int(config["action"])), SequencePolicyConfig(**sizes))


def load_eye(name: str = "nano") -> VisionEncoder:
    """A frozen eye: one that ships with robonav by its name, or the folder that `robonav vision` wrote.

    Raises:
        CheckpointError: There is none of that name, or a file is missing or damaged.
    """

    def described(training: dict[str, Any]) -> VisionEncoder:
        return VisionEncoder(_vision_config(training["vision"]))

    return _load_frozen(name, EYES, "eye", "robonav vision", described)


def load_finder(name: str = "nano") -> GoalFinder:
    """A frozen finder of goal pictures: one that ships by its name, or a folder of `robonav finder`.

    Raises:
        CheckpointError: There is none of that name, or a file is missing or damaged.
    """

    def described(training: dict[str, Any]) -> GoalFinder:
        return GoalFinder(_finder_config(training["finder"]), _vision_config(training["eye"]))

    return _load_frozen(name, FINDERS, "finder", "robonav finder", described)


def _load_frozen(
    name: str, shipped: Path, what: str, command: str, described: Callable[[dict[str, Any]], Module]
) -> Module:
    """What a command taught: one that ships by its name, or a folder."""
    folder = shipped / name if (shipped / name).is_dir() else Path(name)
    if not folder.is_dir():
        names = ", ".join(sorted(path.name for path in shipped.iterdir() if path.is_dir()))
        raise CheckpointError(f"{name}: no such {what}; give {names}, or a folder of `{command}`")
    config, weights = read_config(folder), read_tensors(folder / "model.safetensors")
    try:
        module = _built_to_fit(lambda: described(config["training"]), weights)
        module.load_state_dict(weights)
    except _UNFIT as error:
        finding = f"the {what} that config.json describes does not fit ({str(error)[:120]})"
        raise _damaged(folder, finding) from error
    return module.eval()


def _vision_config(saved: dict[str, Any]) -> VisionConfig:
    first, second, third, fourth = saved["channels"]
    return VisionConfig(**{**saved, "channels": (first, second, third, fourth)})


def _finder_config(saved: dict[str, Any]) -> GoalFinderConfig:
    first, second, third, fourth = saved["channels"]
    near, mid, wide = saved["compared"]
    sizes = {**saved, "channels": (first, second, third, fourth), "compared": (near, mid, wide)}
    return GoalFinderConfig(**sizes)


def _spatial_config(saved: dict[str, Any] | None) -> SpatialMemoryConfig | None:
    return SpatialMemoryConfig(**{**saved, "scales": tuple(saved["scales"])}) if saved else None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of one .safetensors file."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error)) from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's moments and step counts under flat names."""
    state = optimizer.state_dict()["state"]
    return {f"optimizer.{i}.{key}": value for i, entry in state.items() for key, value in entry.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def describe_space(space: gymnasium.Space[Any]) -> Any:
    """Shapes of Box spaces and counts of Discrete ones, as JSON."""
    if isinstance(space, spaces.Dict):
        return {key: describe_space(inner) for key, inner in space.items()}
    return int(space.n) if isinstance(space, spaces.Discrete) else list(space.shape or ())


def model_card(config: dict[str, Any]) -> str:
    """A page for whoever finds the folder."""
    facts = "\n".join(f"- {key}: {value}" for key, value in config["facts"].items())
    return (
        "# robonav explorer\n\n"
        "An RGB policy that explores unknown rooms. Weights in `model.safetensors`, everything else in "
        "`config.json`; evaluate it with `robonav evaluate THIS_FOLDER`.\n\n"
        f"- sees: {json.dumps(config['observation'])}, chooses among {config['action']} actions "
        "(forward 0.25 m, left 15°, right 15°)\n"
        f"- trained on: {config['run'].get('scenes', 'unknown')}\n"
        f"- task: {config['run'].get('task') or 'exploring'}\n{facts}\n\n"
        "Limits: trained in static simulated worlds at one camera height; not tested on a robot.\n"
    )


def _damaged(path: Path, finding: str) -> CheckpointError:
    remedy = "copy the checkpoint again, or use an earlier one from the same run"
    return CheckpointError(f"{path}: cannot be read ({finding}); {remedy}")
