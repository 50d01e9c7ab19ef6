"""The commands of the page on topological maps write maps that other programs read."""

from __future__ import annotations

import re
from pathlib import Path

import networkx as nx
import pytest

from robonav.launch import cli
from robonav.maps.topology.files import load_graph, to_networkx
from tests.docs.pages import commands, run, smaller

SMALLER = {"--steps 300": "--steps 60", "--episodes 2 --steps 128": "--episodes 1 --steps 8"}


def test_the_page_maps_a_house_walks_on_the_map_and_finds_ways_on_the_graph(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = (repository / "docs" / "topology.md").read_text()
    printed = [line for line in commands(page) if line.startswith(("robonav map", "robonav evaluate"))]
    assert len(printed) == 2
    for command in printed:
        assert run(smaller(command, SMALLER), monkeypatch) == 0, command
    assert (tmp_path / "results" / "on_map" / "report.html").stat().st_size > 100
    graph = to_networkx(load_graph("results/map/topology.safetensors"))
    assert nx.is_connected(graph)
    assert len(graph) > 2
    others = nx.read_graphml("results/map/topology.graphml", node_type=int)
    assert dict(others.nodes(data=True)) == dict(graph.nodes(data=True))
    assert {frozenset(edge) for edge in others.edges} == {frozenset(edge) for edge in graph.edges}
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    capsys.readouterr()
    exec(compile(program, "docs/topology.md", "exec"), {})
    assert re.search(r"metres", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--steps", "0"], "steps"),
        (["--resolution", "3"], "resolution"),
        (["--seed", "-1"], "seed"),
        (["--explorer", "nobody"], "nobody"),
        (["--out", "a_file"], "a_file"),
    ],
)
def test_a_mistake_is_one_sentence(
    options: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").touch()
    assert cli.main(["map", "procedural", *options]) == 2
    assert named in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]
