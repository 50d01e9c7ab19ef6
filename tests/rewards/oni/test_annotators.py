"""Annotators give labels or say that they have none; captions stay on this machine."""

from __future__ import annotations

import time

import pytest

from robonav.errors import UsageError
from robonav.rewards.oni.annotators import EndpointError, RuleAnnotator
from robonav.rewards.oni.endpoint import OpenAIAnnotator, labels_in
from tests.rewards.oni.language_server import serving

FOO_BAR = {"FOO": 1.0, "BAR": 0.0}


def test_rules_label_captions_and_rank_pairs() -> None:
    rules = RuleAnnotator(["goal", "open .* door"])
    assert rules.annotate([("the GOAL",), ("an open red door",), ("a wall",)]) == [1.0, 1.0, 0.0]
    pairs = [("goal", "open a door"), ("wall", "goal"), ("wall", "lava")]
    assert rules.annotate(pairs) == [1.0, 0.0, 0.5]
    assert rules.version != RuleAnnotator(["goal"]).version
    with pytest.raises(UsageError, match="mend it in rules"):
        RuleAnnotator(["("])


def test_an_endpoint_labels_captions_and_pairs_in_one_request_each() -> None:
    with serving() as server:
        labels = OpenAIAnnotator(server.url, "small", goal="find gold", knowledge="Gold shines.")
        assert labels.trouble() == ""
        assert labels.annotate([("good",), ("bad",), ("so good",)]) == [1.0, 0.0, 1.0]
        pairs = OpenAIAnnotator(server.url + "/", "small", captions=2)
        assert pairs.annotate([("good", "bad"), ("bad", "good"), ("bad", "worse")]) == [1.0, 0.0, 0.5]
        assert len(server.prompts) == 2
    assert "find gold" in server.prompts[0]
    assert server.prompts[0].startswith("Gold shines.")
    assert "{" not in server.prompts[0] + server.prompts[1]
    assert len({labels.version, pairs.version, OpenAIAnnotator(server.url, "large").version}) == 3


@pytest.mark.parametrize("manner", ["rubbish", "huge", "form", "cut"])
def test_an_answer_without_labels_is_no_zero(manner: str) -> None:
    with serving(manner) as server:
        assert OpenAIAnnotator(server.url, "m").annotate([("good",), ("bad",)]) == [None, None]


def test_an_endpoint_that_is_down_slow_or_gone_gives_no_answer_in_time() -> None:
    with serving("down") as server:
        asked = OpenAIAnnotator(server.url, "m")
        assert "503" in asked.trouble()
        with pytest.raises(EndpointError, match="503"):
            asked.annotate([("good",)])
        server.manner, begun = "slow", time.monotonic()
        with pytest.raises(EndpointError, match="no answer"):
            OpenAIAnnotator(server.url, "m", timeout=0.2).annotate([("good",)])
        assert time.monotonic() - begun < 0.9
    with pytest.raises(EndpointError, match="no answer"):
        asked.annotate([("good",)])


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        ("1: yes FOO\n2: no BAR", [1.0, 0.0]),
        ("**1.** A FOO would not do: BAR.\n 2) fine\nFOO", [0.0, 1.0]),
        ("2: FOO", [None, 1.0]),
        ("1: FOO\n1: BAR\n2: FOOD", [None, None]),
        ("", [None, None]),
        ("99999999999999999999: FOO", [None, None]),
    ],
)
def test_labels_are_the_last_words_behind_numbers_that_stand_once(
    answer: str, labels: list[float | None]
) -> None:
    assert labels_in(answer, 2, FOO_BAR) == labels


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/v1",
        "http://localhost.example.org/v1",
        "http://127.0.0.1@example.org/v1",
        "http://192.168.0.7:8000/v1",
        "http://[2001:db8::1]/v1",
        "http://0.0.0.0:8000/v1",
    ],
)
def test_captions_stay_on_this_machine_unless_the_user_says_otherwise(url: str) -> None:
    with pytest.raises(UsageError, match="other_machines=True"):
        OpenAIAnnotator(url, "m")
    assert OpenAIAnnotator(url, "m", other_machines=True).url == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://localhost/v1", "https://[::1]:8000/v1"])
def test_addresses_of_this_machine_are_taken(url: str) -> None:
    assert OpenAIAnnotator(url, "m").url == url


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:port/v1", "http://[::1/v1"]
)
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(UsageError, match="is no address"):
        OpenAIAnnotator(url, "m")
