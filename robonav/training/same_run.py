"""Whether a run that is resumed is the run that was begun."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from robonav.errors import UsageError
from robonav.training.config import TrainConfig
from robonav.training.saved_config import in_new_words

# What may change from one part of a run to the next: it decides how long and where it computes, not what.
RESUMABLE = ("steps", "threads", "device", "checkpoint_every", "init", "ppo.micro_batch", "ppo.precision")


def check_same_run(folder: Path, config: TrainConfig, begun: dict[str, Any]) -> None:
    """Refuse to resume with other settings than the run was begun with.

    Args:
        folder: The checkpoint, for the message.
        config: The configuration that is asked for.
        begun: The configuration in the checkpoint; settings that it does not know yet are not compared.

    Raises:
        UsageError: They differ in what is not `RESUMABLE`.
    """
    asked = _flat(json.loads(json.dumps(dataclasses.asdict(config))))
    for name, value in _flat(in_new_words(begun)).items():
        if name in asked and name not in RESUMABLE and not _is_same(name, value, asked[name]):
            raise UsageError(
                f"{folder}: the run was begun with {name} = {value}, and {asked[name]} is asked for: resume "
                "with the same preset and options, or begin another with --out"
            )


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under names with dots."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return flat


def _is_same(name: str, begun: Any, asked: Any) -> bool:
    return bool(begun == asked) or (name == "scenes" and Path(begun).resolve() == Path(asked).resolve())
