"""Annotators say whether a caption is helpful: by rules, or in any way that satisfies `Annotator`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Protocol

from robonav.errors import UsageError

Item = tuple[str, ...]
"""One caption, whose label is 1 (helpful) or 0; or two, whose label is 1 where the first is better, 0 where
the second is, and 0.5 where neither is."""


class EndpointError(RuntimeError):
    """Raised where an annotator gives no answer at all, so that it is to be asked again later."""


class Annotator(Protocol):
    """Labels captions.

    Attributes:
        version: Of all that decides labels: labels of another version count for nothing.
    """

    version: str

    def annotate(self, items: Sequence[Item]) -> list[float | None]:
        """The label of each item; None where the answer has none.

        Raises:
            EndpointError: There is no answer.
        """

    def trouble(self) -> str:
        """Reason why it would not answer now; empty where it would."""


class RuleAnnotator:
    """Labels by regular expressions: helpful is what one of them finds, and an earlier one is better.

    Raises:
        UsageError: One is no regular expression.
    """

    def __init__(self, rules: Sequence[str]) -> None:
        try:
            self._rules = [re.compile(rule, re.IGNORECASE) for rule in rules]
        except re.error as error:
            raise UsageError(
                f"{error.pattern!r} is no regular expression ({error}): mend it in rules"
            ) from None
        self.version = version_of("rules", *rules)

    def annotate(self, items: Sequence[Item]) -> list[float | None]:
        """A label for each."""
        return [self._label(item) for item in items]

    def trouble(self) -> str:
        """None, ever."""
        return ""

    def _label(self, item: Item) -> float:
        worth = [self._worth(caption) for caption in item]
        if len(worth) == 1:
            return float(worth[0] > 0)
        return 0.5 if worth[0] == worth[1] else float(worth[0] > worth[1])

    def _worth(self, caption: str) -> int:
        found = (len(self._rules) - i for i, rule in enumerate(self._rules) if rule.search(caption))
        return next(found, 0)


def version_of(*parts: str) -> str:
    """A short name of all the parts."""
    return f"{parts[0]} {hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"
