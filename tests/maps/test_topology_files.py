"""Files of a topological map come back as they were; other programs read them."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from safetensors.numpy import save_file

from robonav.maps.topology.files import load_graph, save_geojson, save_graph, save_graphml, to_networkx
from robonav.maps.topology.graph import PlaceGraph, PlaceTable
from robonav.maps.topology.mapper import PlaceMapper, TopologyConfig
from tests.maps.walks import RING, views, walk


@pytest.fixture(scope="module")
def graph() -> PlaceGraph:
    """Half a ring with two frontiers and an edge that failed once."""
    positions = walk(RING[:3])
    mapper = PlaceMapper(64, TopologyConfig())
    for position, view in zip(positions, views(positions), strict=True):
        mapper.observe(position, view)
    mapper.see_frontiers(np.array([[12.0, 10.0], [14.0, 8.0]]), np.array([5, 9]))
    mapper.failed(0)
    assert any(edge.failures for edge in mapper.graph.edges.values())
    return mapper.graph


def test_safetensors_bring_everything_back(tmp_path: Path, graph: PlaceGraph) -> None:
    loaded = load_graph(save_graph(tmp_path / "map.safetensors", graph))
    for column in fields(PlaceTable):
        np.testing.assert_array_equal(getattr(loaded.places, column.name), getattr(graph.places, column.name))
    assert loaded.edges == graph.edges
    assert loaded.next_id == graph.next_id
    assert nx.utils.graphs_equal(to_networkx(loaded), to_networkx(graph))
    assert [path.name for path in tmp_path.iterdir()] == ["map.safetensors"]


def test_graphml_is_read_by_networkx(tmp_path: Path, graph: PlaceGraph) -> None:
    expected = to_networkx(graph)
    found = nx.read_graphml(save_graphml(tmp_path / "map.graphml", graph), node_type=int)
    assert dict(found.nodes(data=True)) == dict(expected.nodes(data=True))
    for a, b, data in expected.edges(data=True):
        assert found.edges[a, b] == data


def test_geojson_has_a_point_a_node_and_a_line_an_edge(tmp_path: Path, graph: PlaceGraph) -> None:
    collection = json.loads(save_geojson(tmp_path / "map.geojson", graph).read_text())
    kinds = [feature["geometry"]["type"] for feature in collection["features"]]
    assert collection["type"] == "FeatureCollection"
    assert kinds.count("Point") == len(graph.places) + 2
    assert kinds.count("LineString") == len(graph.edges) + 2
    point = collection["features"][0]
    assert point["geometry"]["coordinates"] == graph.places.xy[0].tolist()
    assert point["properties"]["kind"] == "place"


@pytest.mark.parametrize("damage", ["truncated", "foreign", "dangling"])
def test_a_damaged_file_is_explained_in_one_sentence(tmp_path: Path, graph: PlaceGraph, damage: str) -> None:
    path = save_graph(tmp_path / "map.safetensors", graph)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "foreign":
        save_file({"x": np.zeros(1)}, path)
    else:
        broken = load_graph(path)
        broken.edges[0, 999] = broken.edges[0, 1]
        save_graph(path, broken)
    with pytest.raises(ValueError, match="is no topological map") as error:
        load_graph(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
