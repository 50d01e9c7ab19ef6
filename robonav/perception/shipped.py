"""Frozen networks by name or folder: the predictor and the goal finder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from robonav.files import CheckpointError, damaged, read_config, read_tensors
from robonav.perception.goal_finder import GoalFinder, GoalFinderConfig
from robonav.perception.predictor import OccupancyPredictor, PredictorConfig

PREDICTORS = Path(__file__).parent / "predictors"
FINDERS = Path(__file__).parent / "finders"
UNFIT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
Module = TypeVar("Module", bound=torch.nn.Module)


def built_to_fit(build: Callable[[], Module], weights: dict[str, Tensor]) -> Module:
    """A new module; ValueError before it takes any memory if its sizes are not those of the weights."""
    with torch.device("meta"):
        described = build().state_dict()
    if {name: t.shape for name, t in described.items()} != {name: t.shape for name, t in weights.items()}:
        raise ValueError("its sizes do not fit the weights")
    return build()


def load_predictor(name: str = "nano") -> OccupancyPredictor:
    """A frozen predictor: one that ships with robonav by its name, or a folder of `robonav predictor`.

    Raises:
        CheckpointError: There is none of that name, or a file is missing or damaged.
    """

    def described(training: dict[str, Any]) -> OccupancyPredictor:
        return OccupancyPredictor(predictor_config(training.get("predictor") or training["vision"]))

    return _load_frozen(name, PREDICTORS, "predictor", "robonav predictor", described)


def load_finder(name: str = "nano") -> GoalFinder:
    """A frozen finder of goal pictures: one that ships by its name, or a folder of `robonav finder`.

    Raises:
        CheckpointError: There is none of that name, or a file is missing or damaged.
    """

    def described(training: dict[str, Any]) -> GoalFinder:
        return GoalFinder(
            finder_config(training["finder"]), predictor_config(training.get("predictor") or training["eye"])
        )

    return _load_frozen(name, FINDERS, "finder", "robonav finder", described)


def _load_frozen(
    name: str, shipped: Path, what: str, command: str, described: Callable[[dict[str, Any]], Module]
) -> Module:
    """Path of a taught network: a shipped one by name, or a folder."""
    folder = shipped / name if (shipped / name).is_dir() else Path(name)
    if not folder.is_dir():
        names = ", ".join(sorted(path.name for path in shipped.iterdir() if path.is_dir()))
        raise CheckpointError(f"{name}: no such {what}; give {names}, or a folder of `{command}`")
    config, weights = read_config(folder), read_tensors(folder / "model.safetensors")
    try:
        module = built_to_fit(lambda: described(config["training"]), weights)
        module.load_state_dict(weights)
    except UNFIT as error:
        finding = f"the {what} that config.json describes does not fit ({str(error)[:120]})"
        raise damaged(folder, finding) from error
    return module.eval()


def predictor_config(saved: dict[str, Any]) -> PredictorConfig:
    """The sizes of a predictor, as `config.json` has them."""
    first, second, third, fourth = saved["channels"]
    return PredictorConfig(**{**saved, "channels": (first, second, third, fourth)})


def finder_config(saved: dict[str, Any]) -> GoalFinderConfig:
    """The sizes of a goal finder, as `config.json` has them."""
    first, second, third, fourth = saved["channels"]
    near, mid, wide = saved["compared"]
    sizes = {**saved, "channels": (first, second, third, fourth), "compared": (near, mid, wide)}
    return GoalFinderConfig(**sizes)
