"""The package declares all that it imports: nothing comes by luck of another package."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PARTS = ("maps", "envs", "robonav", "launch")
ROS = {"rclpy", "geometry_msgs", "nav_msgs", "sensor_msgs", "std_msgs"}  # come with ROS 2, not with pip


def imported(repository: Path) -> set[str]:
    """Top-level names that the package imports, anywhere in its code."""
    trees = [ast.parse(path.read_text()) for part in PARTS for path in (repository / part).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"robonav"} - ROS


def declared() -> dict[str, Requirement]:
    """Declared requirements, optional parts and development tools included, by canonical name.

    One that both an optional part and the development tools ask for counts as the former.
    """
    requirements = sorted(map(Requirement, requires("robonav") or []), key=is_development_tool, reverse=True)
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def is_development_tool(requirement: Requirement) -> bool:
    """Whether only the extra asks for it, not the system that this runs on."""
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": "dev"}) and not marker.evaluate({"extra": ""})


def test_every_import_is_a_declared_dependency(repository: Path) -> None:
    needed = {name for name, requirement in declared().items() if not is_development_tool(requirement)}
    distributions = packages_distributions()
    providers = {
        name: {canonicalize_name(d) for d in distributions.get(name, [name])} for name in imported(repository)
    }
    assert "numpy" in providers
    assert not {name: found for name, found in providers.items() if not found & needed}


def test_the_constraints_lie_within_the_declared_ranges(repository: Path) -> None:
    """One outside would make the set-up fail, and on a clean machine only."""
    lines = (repository / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line[:1].isalpha()]
    assert "torch" in [pin.name for pin in pins]
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == "=="
        assert declared()[canonicalize_name(pin.name)].specifier.contains(exact.version), pin
