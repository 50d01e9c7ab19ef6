"""Files of a topological map: safetensors for robonav, GraphML and GeoJSON for other programs."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from robonav.maps.export import write_whole
from robonav.maps.topology.graph import Edge, FrontierNode, PlaceGraph, PlaceTable

_FORMAT = "robonav topological map 1"


def to_networkx(graph: PlaceGraph) -> nx.Graph:
    """The graph; nodes have `kind` (place or frontier), `x`, `y` in metres and counts, edges `length`."""
    result = nx.Graph()
    places = graph.places
    for place, (x, y), visits in zip(
        places.ids.tolist(), places.xy.tolist(), places.visits.tolist(), strict=True
    ):
        result.add_node(place, kind="place", x=x, y=y, visits=visits)
    for (a, b), edge in graph.edges.items():
        result.add_edge(a, b, kind="traversed", length=float(edge.length), failures=edge.failures)
    for node, frontier in graph.frontiers.items():
        x, y = frontier.xy.tolist()
        result.add_node(node, kind="frontier", x=x, y=y, cells=frontier.size, tries=frontier.tries)
        result.add_edge(frontier.place, node, kind="seen", length=float(frontier.length))
    return result


def save_graphml(path: str | Path, graph: PlaceGraph) -> Path:
    """Write GraphML, which NetworkX, Gephi, yEd and Cytoscape read; whole or not at all."""
    lines = list(nx.generate_graphml(to_networkx(graph)))
    return write_whole(Path(path), "\n".join(lines).encode())


def save_geojson(path: str | Path, graph: PlaceGraph) -> Path:
    """Write GeoJSON: points and lines in metres of the map frame, without a geodetic reference.

    QGIS and other viewers show it as it is; the position on Earth needs a transform.
    """
    nodes = to_networkx(graph)
    at = {node: [data["x"], data["y"]] for node, data in nodes.nodes(data=True)}
    features = [
        _feature("Point", at[node], {"id": node, **data}) for node, data in nodes.nodes(data=True)
    ] + [
        _feature("LineString", [at[a], at[b]], {"from": a, "to": b, **data})
        for a, b, data in nodes.edges(data=True)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, indent=1)
    return write_whole(Path(path), text.encode())


def save_graph(path: str | Path, graph: PlaceGraph) -> Path:
    """Write everything as safetensors, whole or not at all."""
    frontiers = list(graph.frontiers.values())
    tensors = {column.name: getattr(graph.places, column.name) for column in fields(PlaceTable)}
    tensors |= {
        "edges": np.array(list(graph.edges), np.int64).reshape(-1, 2),
        "edge_lengths": np.array([edge.length for edge in graph.edges.values()], np.float64),
        "edge_failures": np.array([edge.failures for edge in graph.edges.values()], np.int64),
        "frontiers": np.array(list(graph.frontiers), np.int64),
        "frontier_xy": np.array([node.xy for node in frontiers], np.float64).reshape(-1, 2),
        "frontier_lengths": np.array([node.length for node in frontiers], np.float64),
        "frontier_counts": np.array([[n.size, n.place, n.tries] for n in frontiers], np.int64).reshape(-1, 3),
        "next_id": np.array([graph.next_id], np.int64),
    }
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return write_whole(Path(path), save(contiguous, metadata={"format": _FORMAT}))


def load_graph(path: str | Path) -> PlaceGraph:
    """Read what `save_graph` wrote.

    Raises:
        ValueError: The file is damaged or has another format.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("format") != _FORMAT:
                raise ValueError(f"its format is not {_FORMAT!r}")
            return _graph_of({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, ValueError, KeyError, IndexError) as error:
        raise ValueError(
            f"{path} is no topological map ({str(error)[:80]}): "
            "expected a file of `save_graph`, so make the map again"
        ) from error


def _graph_of(tensors: dict[str, NDArray[Any]]) -> PlaceGraph:
    columns = {column.name: tensors[column.name] for column in fields(PlaceTable)}
    count = len(columns["ids"])
    if any(len(column) != count for column in columns.values()) or np.any(np.diff(columns["ids"]) <= 0):
        raise ValueError("its places do not fit together")
    graph = PlaceGraph(columns["embeddings"].shape[1])
    graph.places, graph.next_id = PlaceTable(**columns), int(tensors["next_id"][0])
    edges = zip(tensors["edges"], tensors["edge_lengths"], tensors["edge_failures"], strict=True)
    graph.edges = {(int(a), int(b)): Edge(float(length), int(failures)) for (a, b), length, failures in edges}
    nodes = (tensors[f"frontier{name}"] for name in ("s", "_xy", "_counts", "_lengths"))
    graph.frontiers = {
        int(node): FrontierNode(xy, int(size), int(place), float(length), int(tries))
        for node, xy, (size, place, tries), length in zip(*nodes, strict=True)
    }
    known = set(columns["ids"].tolist())
    if not known.issuperset(
        [*tensors["edges"].ravel().tolist(), *(n.place for n in graph.frontiers.values())]
    ):
        raise ValueError("it names places that it does not hold")
    return graph


def _feature(kind: str, coordinates: list[Any], properties: dict[str, Any]) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}
