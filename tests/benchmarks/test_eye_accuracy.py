"""The accuracy of a predictor is measured in worlds as they are and as teaching alters them."""

import json

from benchmarks.eye_accuracy import Options, main


def told(capsys, **options) -> list[dict]:
    main(Options(views=8, most=2, **options))
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_it_tells_the_errors_of_each_scene_and_of_all(capsys):
    first, second, together = told(capsys)
    assert first["scene"] != second["scene"]
    assert together["count"] == 2
    for name in ("free_loss", "occupied_loss", "sight_loss"):
        assert abs(together[name] - (first[name] + second[name]) / 2) < 2e-4
        assert 0 < together[name] < 0.5
    assert together["median_error_m_at_1_to_2"] < 0.4


def test_altered_worlds_are_others_and_the_same_again_with_the_same_seed(capsys):
    plain, altered = told(capsys), told(capsys, altered=1.0)
    assert plain != altered
    assert altered == told(capsys, altered=1.0)
    assert altered != told(capsys, altered=1.0, seed=1)
