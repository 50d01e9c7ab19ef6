"""Folders of safetensors and JSON: written completely or not at all, never unpickled."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from robonav.disk import named
from robonav.errors import UsageError

FORMAT = 7
READABLE = (6, FORMAT)  # 6 has other names for the predictor's weights
_FILES = ("model.safetensors", "training.safetensors", "config.json")


class CheckpointError(UsageError):
    """A checkpoint that cannot be used; the message names the file, the finding and the remedy."""


def write_folder(folder: Path, tensors: dict[str, dict[str, Tensor]], texts: dict[str, str]) -> None:
    """Write a folder of .safetensors and text files so that it exists completely or not at all."""
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        for name, group in tensors.items():
            _save_tensors(folder / name, temporary / name, group)
        for name, text in texts.items():
            with named(folder / name):
                (temporary / name).write_text(text, encoding="utf-8")
        for path in temporary.iterdir():
            with named(path), path.open("rb") as file:
                os.fsync(file.fileno())
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)  # half a checkpoint takes the room that is missing
        raise
    replaced = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():  # moved aside first: a kill between the two renames loses nothing
        folder.rename(replaced)
    temporary.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


def _save_tensors(wanted: Path, path: Path, group: dict[str, Tensor]) -> None:
    try:
        save_file({key: value.detach().cpu().contiguous() for key, value in group.items()}, path)
    except SafetensorError as error:  # it wraps what the system says, such as a full disk
        raise OSError(f"{wanted} cannot be written ({error}): make room and go on with --resume") from error


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
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise damaged(path, "it is not the description of a checkpoint")
    if config["format"] not in READABLE:
        raise CheckpointError(
            f"{path}: checkpoint format {config['format']}, this robonav reads format {FORMAT}; "
            "install the robonav version named in it under versions, or train again"
        )
    return config


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of one .safetensors file."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise damaged(path, str(error)) from error


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


def damaged(path: Path, finding: str) -> CheckpointError:
    """The error for a file that does not hold what it should."""
    remedy = "copy the checkpoint again, or use an earlier one from the same run"
    return CheckpointError(f"{path}: cannot be read ({finding}); {remedy}")


def write_text(path: Path, text: str) -> None:
    """Replace a small file atomically."""
    temporary = path.with_suffix(".tmp")
    with named(path):
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
