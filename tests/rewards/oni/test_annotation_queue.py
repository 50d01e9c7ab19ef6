"""Annotation never holds training up, spends its budget once, and survives a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import pytest

from robonav.errors import UsageError
from robonav.rewards.oni import annotation_queue
from robonav.rewards.oni.annotation_queue import AnnotationQueue, Label
from robonav.rewards.oni.annotators import Annotator, EndpointError, Item
from robonav.rewards.oni.label_cache import LabelCache


class Slow:
    """Answers 1 to whatever it is asked, once it may; 'odd' has no label."""

    version = "v1"

    def __init__(self) -> None:
        self.may, self.asked, self.is_down = Event(), list[list[Item]](), False

    def annotate(self, items: Sequence[Item]) -> list[float | None]:
        self.asked.append(list(items))
        assert self.may.wait(10)
        if self.is_down:
            raise EndpointError("down")
        return [None if item == ("odd",) else 1.0 for item in items]

    def trouble(self) -> str:
        return ""


def queue(
    annotator: Annotator,
    budget: int = 100,
    batch: int = 2,
    synchronous: bool = False,
    path: Path | None = None,
) -> AnnotationQueue:
    return AnnotationQueue(annotator, LabelCache(path, annotator.version), budget, batch, synchronous)


def until(happened: Callable[[], object]) -> None:
    limit = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < limit
        time.sleep(0.005)


def items(*captions: str) -> list[Item]:
    return [(caption,) for caption in captions]


def test_asking_does_not_wait_and_the_newest_come_first() -> None:
    slow = Slow()
    asked = queue(slow)
    begun = time.monotonic()
    asked.ask(items("a"), 1)
    until(lambda: slow.asked)
    asked.ask(items("b", "c", "d"), 2)
    asked.ask(items("e", "b"), 3)
    assert asked.take() == []
    assert time.monotonic() - begun < 5
    assert len(asked) == 5
    slow.may.set()
    until(lambda: len(asked) == 0)
    assert slow.asked == [items("a"), items("b", "e"), items("d", "c")]
    assert Label(("b",), 1.0, 2) in (found := asked.take())  # the first time that it was asked for
    assert len(found) == 5
    assert asked.take() == []
    asked.close()


def test_a_queue_that_nobody_works_off_keeps_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_queue, "_LONGEST_QUEUE", 3)
    slow = Slow()
    asked = queue(slow, batch=1)
    asked.ask(items("first"), 0)
    until(lambda: slow.asked)
    asked.ask(items(*"abcdef"), 1)
    assert len(asked) == 1 + 3
    slow.may.set()
    until(lambda: len(asked) == 0)
    assert [item for (item,) in slow.asked] == items("first", "f", "e", "d")
    asked.close()


def test_the_budget_is_spent_once_and_zero_is_nothing() -> None:
    slow = Slow()
    slow.may.set()
    asked = queue(slow, budget=3, synchronous=True)
    asked.ask(items(*"abcde"), 1)
    asked.ask(items(*"fgh"), 2)
    assert sum(map(len, slow.asked)) == asked.spent == 3
    assert len(asked.take()) == 3
    assert len(asked) == 0
    nothing = queue(slow, budget=0, synchronous=True)
    nothing.ask(items("z"), 1)
    assert (nothing.spent, nothing.take()) == (0, [])


def test_an_answer_without_label_is_a_failure_and_tried_thrice() -> None:
    slow = Slow()
    slow.may.set()
    asked = queue(slow, synchronous=True)
    for step in range(5):
        asked.ask(items("odd"), step)
    assert (asked.failures, asked.spent, asked.take()) == (3, 3, [])


def test_an_endpoint_that_is_down_is_asked_again_after_a_growing_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(annotation_queue, "_PAUSES_S", (0.05, 0.1))
    slow = Slow()
    slow.is_down = True
    slow.may.set()
    asked = queue(slow)
    begun = time.monotonic()
    asked.ask(items("a"), 1)
    until(lambda: asked.refusals >= 4)
    assert time.monotonic() - begun > 0.05 + 0.1 + 0.1
    assert (asked.trouble, asked.spent, asked.failures) == ("down", 0, 0)
    slow.is_down = False
    until(lambda: len(asked) == 0)
    assert asked.take() == [Label(("a",), 1.0, 1)]
    assert asked.trouble == ""
    asked.close()


def test_an_annotator_that_breaks_does_not_end_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_queue, "_PAUSES_S", (0.01, 0.01))

    class Broken(Slow):
        def annotate(self, items: Sequence[Item]) -> list[float | None]:
            self.asked.append(list(items))
            if len(self.asked) == 1:
                raise ZeroDivisionError
            return [1.0] * (len(items) + (len(self.asked) == 2))  # one too many

    asked = queue(Broken())
    asked.ask(items("a"), 1)
    until(lambda: asked.spent)
    assert asked.refusals == 2
    assert len(asked.take()) == 1
    asked.close()


def test_a_closed_queue_ends_its_thread() -> None:
    slow = Slow()
    slow.may.set()
    asked = queue(slow)
    asked.ask(items("a"), 1)
    until(lambda: asked.spent)
    asked.close()
    assert asked._thread is not None
    asked._thread.join(5)
    assert not asked._thread.is_alive()
    assert asked._thread.daemon


def test_labels_survive_in_a_file_that_is_torn_and_cost_nothing_again(tmp_path: Path) -> None:
    slow, path = Slow(), tmp_path / "run" / "labels.jsonl"
    slow.may.set()
    asked = queue(slow, synchronous=True, path=path)
    asked.ask(items("a", "b"), 1)
    asked.take()
    whole = path.read_text()
    path.write_text(
        whole + '3\n[]\n{"version": "v1"}\n{"version": "v1", "captions": "c", "label": 1}\n' + whole[:20]
    )
    again = queue(slow, synchronous=True, path=path)
    again.ask(items("a", "b", "c"), 5)
    assert {label.item: label.asked for label in again.take()} == {("a",): 5, ("b",): 5, ("c",): 5}
    assert again.spent == 1
    assert len(LabelCache(path, "v1").labels) == 3  # what was written after the torn line is read


def test_labels_of_another_version_count_for_nothing(tmp_path: Path) -> None:
    cache = LabelCache(tmp_path / "labels.jsonl", "v1")
    cache.add({("a",): 1.0, ("a", "b"): 0.5})
    assert LabelCache(tmp_path / "labels.jsonl", "v1").labels == {("a",): 1.0, ("a", "b"): 0.5}
    assert LabelCache(tmp_path / "labels.jsonl", "v2").labels == {}
    with pytest.raises(UsageError, match="name another cache"):
        LabelCache(tmp_path, "v1")
