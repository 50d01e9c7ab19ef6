"""Base of rewards of language: captions of steps, labels that arrive, and visits within an episode."""

from __future__ import annotations

import json
import warnings
import weakref
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robonav.rewards.config import RewardContext
from robonav.rewards.oni.annotation_queue import Label
from robonav.rewards.oni.annotators import Item
from robonav.rewards.oni.captions import captioner
from robonav.rewards.oni.config import OniConfig
from robonav.rewards.oni.text import canonical
from robonav.rewards.protocol import Snapshot, State, Transition


class OniReward:
    """r(caption) n^-beta for the n-th time of a caption in an episode (ONI); subclass it.

    A subclass gives `scores`; `wanted` says what is to be labelled. Labels count from the `update` on in
    which they arrive, so that `compute` changes nothing. Captions are strings: they are looked up singly.

    Args:
        config: Its options.
        context: The environment.

    Attributes:
        labels: All that have arrived, in order.
    """

    def __init__(self, config: OniConfig, context: RewardContext) -> None:
        self.config: Any = config
        self._captions = captioner(context, config.captions, config.key, config.name)
        self._queue = config.queue()
        self._version = config.annotator().version
        weakref.finalize(self, self._queue.close)
        self.labels: dict[Item, float] = {}
        self._visits = [Counter[str]() for _ in range(context.num_envs)]
        self._steps = 0
        self._staleness = [0, 0]  # labels that were waited for, and their steps in all
        self._said: tuple[Snapshot, list[str]] | None = None

    def scores(self, captions: Sequence[str]) -> NDArray[np.float32]:
        """Reward (N,) of captions, however often they were seen; changes nothing."""
        raise NotImplementedError

    def wanted(self, captions: Iterable[str]) -> list[Item]:
        """Items to label after a step that showed these different captions."""
        return [(caption,) for caption in captions if (caption,) not in self.labels]

    def learn(self, captions: Sequence[str]) -> dict[str, float]:
        """Train on the labels after a step that showed these captions (N,); returns what there is to log."""
        return {}

    def captions(self, seen: Snapshot) -> list[str]:
        """The canonical captions of N agents."""
        if self._said is None or self._said[0] is not seen:
            raw = self._captions(seen)
            spelled = {text: canonical(text, self.config.digits) for text in set(raw)}
            self._said = seen, [spelled[text] for text in raw]
        return self._said[1]

    def reset(self, mask: NDArray[np.bool_], first: Snapshot) -> None:
        """Forget the visits of an episode; its first caption counts as seen."""
        captions = self.captions(first)
        for agent in np.flatnonzero(mask):
            self._visits[agent] = Counter([captions[agent]])

    def compute(
        self,
        before: Snapshot,
        action: NDArray[Any],
        after: Snapshot,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> NDArray[np.float32]:
        """Reward (N,) of the captions that followed."""
        captions = self.captions(after)
        times = [1 + visits[caption] for visits, caption in zip(self._visits, captions, strict=True)]
        return (self.scores(captions) * np.power(times, -float(self.config.beta))).astype(np.float32)

    def update(self, step: Transition) -> dict[str, float]:
        """Count the captions, ask for labels, take those that have arrived, and learn."""
        captions = self.captions(step.after)
        for visits, caption in zip(self._visits, captions, strict=True):
            visits[caption] += 1
        self._steps += 1
        self._queue.ask(self.wanted(dict.fromkeys(captions)), self._steps)
        self._take_in(self._queue.take())
        return {**self._metrics(), **self.learn(captions)}

    def records(self) -> dict[str, Any]:
        """State to save as JSON."""
        counts = {
            "spent": self._queue.spent,
            "failures": self._queue.failures,
            "refusals": self._queue.refusals,
        }
        return {
            "version": self._version,
            "labels": list(self.labels.items()),
            "steps": self._steps,
            "staleness": self._staleness,
            **counts,
        }

    def restore(self, records: dict[str, Any]) -> None:
        """Take back what `records` gave."""
        self.labels = {tuple(item): value for item, value in records["labels"]}
        self._steps, self._staleness = records["steps"], list(records["staleness"])
        for name in ("spent", "failures", "refusals"):
            setattr(self._queue, name, records[name])

    def state_dict(self) -> State:
        """Labels and counters, as the bytes of JSON: checkpoints hold numbers."""
        return {"records": np.frombuffer(json.dumps(self.records()).encode(), np.uint8).copy()}

    def load_state_dict(self, state: State) -> None:
        """Restore what `state_dict` gave; labels of another annotator are left out, with a warning.

        Raises:
            KeyError, ValueError: It is the state of something else.
        """
        records = json.loads(np.asarray(state["records"], np.uint8).tobytes())
        if records["version"] != self._version:
            warnings.warn(
                f"reward {self.config.name} begins anew: its state is of annotator {records['version']}, "
                f"and now it is {self._version}",
                stacklevel=2,
            )
            return
        self.restore(records)
        self.load_weights(state)

    def load_weights(self, state: State) -> None:
        """Restore what was learned of the labels."""

    def _take_in(self, arrived: Sequence[Label]) -> None:
        for label in arrived:
            self.labels[label.item] = label.value
            self._staleness[0] += 1
            self._staleness[1] += self._steps - label.asked

    def _metrics(self) -> dict[str, float]:
        """Labels, failures, and the mean steps from a caption's first sight to the use of its label."""
        count, steps = self._staleness
        return {
            "labels": float(len(self.labels)),
            "waiting": float(len(self._queue)),
            "staleness_steps": steps / max(count, 1),
            "annotations": float(self._queue.spent),
            "failures": float(self._queue.failures),
            "refusals": float(self._queue.refusals),
        }
