"""Milliseconds that a reward costs a step of eight environments."""

from __future__ import annotations

from time import perf_counter

import torch

from robonav.rewards.checks.finding import Effort, RewardFinding
from robonav.rewards.checks.settings import setting_of
from robonav.rewards.checks.tape import record
from robonav.rewards.config import RewardConfig, every_agent

_AGENTS = 8


def cost(config: RewardConfig, effort: Effort) -> RewardFinding:
    """Mean time of `compute` and of `update`, with learning spread over all steps, on one CPU thread."""
    setting = setting_of(config)
    envs = setting.make(_AGENTS)
    tape = record(envs, effort.timed_steps)
    envs.close()
    reward = config.build(tape.context)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    reward.reset(every_agent(_AGENTS), tape.first)
    computing = updating = 0.0
    for step, then in zip(tape.steps, tape.then, strict=True):
        started = perf_counter()
        reward.compute(*step)
        computed = perf_counter()
        reward.update(step)
        if step.over.any():
            reward.reset(step.over, then)
        computing, updating = computing + computed - started, updating + perf_counter() - computed
    torch.set_num_threads(threads)
    compute_ms, update_ms = (1e3 * spent / len(tape.steps) for spent in (computing, updating))
    says = f"{compute_ms:.2f} + {update_ms:.2f} ms in the {setting.name}"
    return RewardFinding("cost", says, None, {"compute_ms": compute_ms, "update_ms": update_ms})
