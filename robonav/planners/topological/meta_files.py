"""Learned meta-controllers as folders: weights as safetensors, all else as JSON; nothing is unpickled."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from torch import Tensor

from robonav.files import FORMAT, CheckpointError, find_checkpoint, read_config, read_tensors, write_folder
from robonav.maps.topology.mapper import TopologyConfig
from robonav.maps.topology.sub_goals import SubGoalWeights
from robonav.planners.topological.config import HierarchyConfig
from robonav.planners.topological.scorer import CandidateScorer
from robonav.provenance import git_revision, versions

KIND = "meta-controller"


def save_meta(
    folder: Path,
    scorer: CandidateScorer,
    training: dict[str, Tensor],
    hierarchy: HierarchyConfig,
    run: dict[str, Any],
    facts: dict[str, Any],
) -> None:
    """Write a checkpoint folder, whole or not at all."""
    config = {
        "format": FORMAT,
        "kind": KIND,
        "hierarchy": dataclasses.asdict(hierarchy),
        "run": run,
        "facts": facts,
        "versions": versions(),
        "git_revision": git_revision(),
    }
    card = (
        "# robonav meta-controller\n\nChooses sub-goals on a topological map made from depth and odometry. "
        "Evaluate it with `robonav evaluate THIS_FOLDER --task sparse-goal`.\n\n"
        + "\n".join(f"- {key}: {value}" for key, value in facts.items())
        + "\n"
    )
    texts = {"config.json": json.dumps(config, indent=1), "README.md": card}
    write_folder(
        folder, {"model.safetensors": dict(scorer.state_dict()), "training.safetensors": training}, texts
    )


def is_meta(path: Path) -> bool:
    """Whether a checkpoint or run folder holds a meta-controller.

    Raises:
        CheckpointError: It holds no checkpoint, or a damaged one.
    """
    return read_config(find_checkpoint(path)).get("kind") == KIND


def load_meta(path: Path) -> tuple[CandidateScorer, HierarchyConfig]:
    """The network of a checkpoint or run folder, and what it was trained with.

    Raises:
        CheckpointError: A file is missing, damaged, or something else.
    """
    folder = find_checkpoint(path)
    config, scorer = read_config(folder), CandidateScorer()
    try:
        scorer.load_state_dict(read_tensors(folder / "model.safetensors"))
        hierarchy = hierarchy_from(config["hierarchy"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder}: not a meta-controller of this robonav ({str(error)[:120]}); train it again with "
            "`robonav meta`"
        ) from error
    return scorer, hierarchy


def hierarchy_from(saved: dict[str, Any]) -> HierarchyConfig:
    """The configuration that was saved as JSON."""
    nested = {"weights": SubGoalWeights(**saved["weights"]), "topology": TopologyConfig(**saved["topology"])}
    return HierarchyConfig(**{**saved, **nested})
