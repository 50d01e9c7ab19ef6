"""Cost of one step of acting, early and late in an episode: it must not grow with what was seen.

    python benchmarks/acting_cost.py [--sizes guided recuriosity]

prints one JSON object: CPU milliseconds a step of each size's trunk (transformer, cache) after 64
and after 4,096 steps of one episode. Early and late steps alternate, so that other load bears on both.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import tyro

from robonav.launch.presets import load_preset
from robonav.policies.recurrent import RecurrentTrunk
from robonav.policies.sequence import trunk_of
from robonav.policies.transformer import CausalTransformer


@dataclass(frozen=True)
class Options:
    """Options of the measurement."""

    sizes: tuple[str, ...] = ("guided",)
    """Presets whose trunk is measured."""
    agents: int = 1
    """Agents that act at the same time."""
    early: int = 64
    """Steps of the episode before the first measured one."""
    late: int = 4096
    """The same of the late steps."""
    repeats: int = 64
    """Measured steps of each."""


def measure(trunk: CausalTransformer | RecurrentTrunk, options: Options) -> dict[str, Any]:
    """Median milliseconds of early and late steps, and the median of their paired ratios."""
    goes_on = torch.zeros(options.agents, dtype=torch.bool)

    def advance(cache: Any, steps: int) -> float:
        tokens = torch.randn(steps, options.agents, trunk.width)
        start = time.process_time()
        for token in tokens:
            trunk.step(token, goes_on, cache)
        return 1000 * (time.process_time() - start)

    caches = [trunk.new_cache(options.agents) for _ in range(2)]
    for cache, steps in zip(caches, (options.early, options.late), strict=True):
        advance(cache, steps)
    # a new branch each time: the episode does not grow while it is measured
    spent = np.array([[advance(cache.branch(), 1) for cache in caches] for _ in range(options.repeats)])
    early, late = np.median(spent, axis=0)
    return {
        f"ms_after_{options.early}": round(float(early), 3),
        f"ms_after_{options.late}": round(float(late), 3),
        "ratio": round(float(np.median(spent[:, 1] / spent[:, 0])), 3),
        "parameters": sum(weight.numel() for weight in trunk.parameters()),
    }


def main(options: Options) -> None:
    """Measure and print."""
    torch.manual_seed(0)
    result: dict[str, Any] = {"torch_threads": torch.get_num_threads(), "agents": options.agents}
    with torch.no_grad():
        for name in options.sizes:
            result[name] = measure(trunk_of(load_preset(name).policy).eval(), options)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
