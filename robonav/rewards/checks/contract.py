"""Whether a reward keeps its promises: computing changes nothing, a resumed one goes on."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import islice

import numpy as np

from robonav.rewards.checks.finding import Effort, RewardFinding
from robonav.rewards.checks.settings import EPISODE_STEPS, setting_of
from robonav.rewards.checks.tape import Tape, live, record
from robonav.rewards.config import RewardConfig, every_agent
from robonav.rewards.protocol import IntrinsicReward
from robonav.rewards.snapshots import context_of
from robonav.rewards.vec_env import IntrinsicRewardVecEnv


def purity(config: RewardConfig, effort: Effort) -> RewardFinding:
    """Whether the same step is paid the same twice, and leaves the state as it was."""
    tape = _tape(config)
    reward = config.build(tape.context)
    equal = unchanged = True
    for step, paid in zip(tape.steps, tape.play(reward), strict=True):
        digest = state_hash(reward)
        equal &= bool(np.array_equal(reward.compute(*step), paid))
        unchanged &= state_hash(reward) == digest
    says = _said(("the same twice", equal), ("the state unchanged", unchanged))
    return RewardFinding("purity", says, equal and unchanged)


def resume(config: RewardConfig, effort: Effort) -> RewardFinding:
    """Whether a new reward of another seed that loads the state pays the same from then on, bit for bit."""
    tape = _tape(config)
    half = len(tape.steps) // 2 + EPISODE_STEPS // 3  # within an episode
    reward = config.build(tape.context)
    _run_through(tape, reward, 0, half)
    saved = reward.state_dict()
    other = config.build(replace(tape.context, seed=tape.context.seed + 1))
    other.load_state_dict({name: array.copy() for name, array in saved.items()})
    plain = all(isinstance(array, np.ndarray) and array.dtype != object for array in saved.values())
    here, there = (np.asarray(list(tape.play(one, half))) for one in (reward, other))
    equal = bool(np.array_equal(here, there))
    end = state_hash(reward) == state_hash(other)
    says = _said(("plain arrays", plain), ("the same pay", equal), ("the same end", end))
    return RewardFinding("resume", says, plain and equal and end)


def final_observation(config: RewardConfig, effort: Effort) -> RewardFinding:
    """Whether the wrapper pays the last step of an episode for what it led to, not for the next start."""
    setting = setting_of(config)
    envs = IntrinsicRewardVecEnv(setting.make(setting.agents), config, normalise=False)
    reward = config.build(context_of(envs, 0, "cpu", 1, None))  # is shown the same, but not by the wrapper
    first, moments = live(envs)
    reward.reset(every_agent(setting.agents), first)
    true, pays, reads, tells = True, False, False, False
    for step, then in islice(moments, setting.steps):
        paid = reward.compute(*step)
        true &= bool(np.array_equal(paid, envs.intrinsic_rewards))
        pays |= bool(paid.any())
        reads |= bool((reward.compute(*step._replace(after=first)) != paid).any())
        if step.over.any():
            tells |= bool((reward.compute(*step._replace(after=then)) != paid)[step.over].any())
        reward.update(step)
        if step.over.any():
            reward.reset(step.over, then)
    envs.close()
    if not reads:
        says = "pays for what is done, wherever it leads" if pays else "paid nothing"
        return RewardFinding("final observation", says, true and pays)
    says = _said(("the true last observation", true), ("another than the next start", tells))
    return RewardFinding("final observation", says, true and tells)


def resets(config: RewardConfig, effort: Effort) -> RewardFinding:
    """Whether a reset reaches those in the mask and nobody else.

    In the middle of an episode half of the agents are said to begin anew. What is paid to the others for the
    next step must not change; an episodic reward then pays those otherwise than if it remembered, where one
    that was never shown the beginning does so too.
    """
    tape = _tape(config)
    middle = len(tape.steps) - EPISODE_STEPS // 2
    anew = np.arange(tape.context.num_envs) < tape.context.num_envs // 2
    remembering, reset = (config.build(tape.context) for _ in range(2))
    for reward in (remembering, reset):
        _run_through(tape, reward, 0, middle)
    reset.reset(anew, tape.then[middle - 1])
    as_ever, then = (np.asarray(list(tape.go_on(reward, middle))) for reward in (remembering, reset))
    fresh = np.asarray(list(tape.play(config.build(tape.context), middle)))
    others = bool(np.array_equal(as_ever[0, ~anew], then[0, ~anew]))
    parts = [("the others as before", others)]
    if config.episodic and (fresh != as_ever)[:, anew].any():
        parts += [("its own memory gone", bool((as_ever != then)[:, anew].any()))]
    return RewardFinding("resets", _said(*parts), all(kept for _, kept in parts))


def state_hash(reward: IntrinsicReward) -> str:
    """SHA-256 of all that `state_dict` holds."""
    digest = hashlib.sha256()
    for name, array in sorted(reward.state_dict().items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _tape(config: RewardConfig) -> Tape:
    setting = setting_of(config)
    envs = setting.make(setting.agents)
    try:
        return record(envs, setting.steps)
    finally:
        envs.close()


def _run_through(tape: Tape, reward: IntrinsicReward, start: int, end: int) -> None:
    for _ in tape.play(reward, start, end):
        pass


def _said(*promises: tuple[str, bool]) -> str:
    """Join the broken promises, or the kept ones where none is broken."""
    broken = [text for text, kept in promises if not kept]
    return f"not {', not '.join(broken)}" if broken else ", ".join(text for text, _ in promises)
