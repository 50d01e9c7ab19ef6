"""Asks an annotator in a thread of its own, so that training neither waits for it nor fails with it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from robonav.rewards.oni.annotators import Annotator, EndpointError, Item
from robonav.rewards.oni.label_cache import LabelCache

_LONGEST_QUEUE = 10_000  # the oldest go
_TRIES = 3  # of an item whose answers have no label
_PAUSES_S = (1.0, 60.0)  # the first one after a failure, and the longest


class Label(NamedTuple):
    """A label that has arrived.

    Attributes:
        item: The captions that it is of.
        value: 0 to 1.
        asked: When it was first asked for, in steps.
    """

    item: Item
    value: float
    asked: int


class AnnotationQueue:
    """Items wait here for their labels; the newest are annotated first.

    An annotator that gives no answer is asked again after a pause, which doubles up to a minute.

    Args:
        annotator: Is asked.
        cache: Of its labels, which cost no budget.
        budget: Items that may be annotated.
        batch: Items of a request.
        synchronous: Whether `ask` waits for labels, so that a run can be repeated bit for bit.

    Attributes:
        spent: Items that were annotated, with or without success.
        failures: Items whose answer had no label.
        refusals: Requests without an answer.
        trouble: Why the last request had none; empty if it had one.
    """

    def __init__(
        self, annotator: Annotator, cache: LabelCache, budget: int, batch: int, synchronous: bool
    ) -> None:
        self._annotator, self._cache = annotator, cache
        self._budget, self._batch, self._synchronous = budget, batch, synchronous
        self.spent = self.failures = self.refusals = 0
        self.trouble = ""
        self._waiting: dict[Item, int] = {}  # the newest last, with the step at which it was asked for
        self._asked: dict[Item, int] = {}  # those of the request that runs
        self._tries: dict[Item, int] = {}  # of those without a label
        self._arrived: list[Label] = []
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """Items that wait."""
        with self._changed:
            return len(self._waiting) + len(self._asked)

    def ask(self, items: Iterable[Item], step: int) -> None:
        """Let items be annotated that are neither waiting nor out of tries."""
        with self._changed:
            for item in items:
                self._add(item, step)
            for oldest in list(self._waiting)[: max(0, len(self._waiting) - _LONGEST_QUEUE)]:
                del self._waiting[oldest]
            self._changed.notify()
        if self._synchronous:
            self._work_off()
        elif self._thread is None and self._waiting:
            self._thread = threading.Thread(target=self._work, name="annotations", daemon=True)
            self._thread.start()

    def take(self) -> list[Label]:
        """The labels that have arrived since the last call.

        Raises:
            OSError: The cache's file cannot be written.
        """
        with self._changed:
            arrived, self._arrived = self._arrived, []
        self._cache.add(
            {label.item: label.value for label in arrived if label.item not in self._cache.labels}
        )
        return arrived

    def close(self) -> None:
        """Let the thread end after its request."""
        self._closed.set()
        with self._changed:
            self._changed.notify()

    def _add(self, item: Item, step: int) -> None:
        if item in self._cache.labels:
            self._arrived.append(Label(item, self._cache.labels[item], step))
        elif item not in self._asked and self._tries.get(item, 0) < _TRIES and self._left() > 0:
            self._waiting[item] = self._waiting.pop(item, step)

    def _left(self) -> int:
        return self._budget - self.spent - len(self._asked)

    def _next(self) -> bool:
        """Take the newest for a request; False where there are none, or no budget."""
        count = min(self._batch, self._left(), len(self._waiting))
        newest = list(self._waiting)[::-1][: max(count, 0)]
        self._asked = {item: self._waiting.pop(item) for item in newest}
        if self._left() <= 0:
            self._waiting.clear()
        return bool(self._asked)

    def _work_off(self) -> None:
        with self._changed:
            has_more = self._next()
        while has_more and self._request():
            with self._changed:
                has_more = self._next()

    def _work(self) -> None:
        shortest, longest = _PAUSES_S
        pause = shortest
        while not self._closed.is_set():
            with self._changed:
                while not (self._closed.is_set() or self._next()):
                    self._changed.wait()
            if self._closed.is_set():
                return
            if self._request():
                pause = shortest
            else:
                self._closed.wait(pause)
                pause = min(2 * pause, longest)

    def _request(self) -> bool:
        """Ask for the labels of what was taken; False where there is no answer."""
        items = list(self._asked)
        try:
            labels = self._annotator.annotate(items)
            if len(labels) != len(items):
                raise EndpointError(f"{len(labels)} labels for {len(items)} items")
        except Exception as error:  # an annotator of somebody else may raise anything; training goes on
            with self._changed:
                self.trouble = str(error) or type(error).__name__
                self.refusals += 1
                self._waiting = {**dict(reversed(self._asked.items())), **self._waiting}
                self._asked = {}
            return False
        with self._changed:
            self.trouble = ""
            self.spent += len(items)
            for (item, step), value in zip(self._asked.items(), labels, strict=True):
                self._note(item, value, step)
            self._asked = {}
        return True

    def _note(self, item: Item, value: float | None, step: int) -> None:
        if value is None:
            self.failures += 1
            self._tries[item] = self._tries.get(item, 0) + 1
        else:
            self._arrived.append(Label(item, float(value), step))
