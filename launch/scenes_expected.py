"""`robonav scenes expected`: how a data set must lie on disk, and where to apply for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

_HM3D = """\
HM3D: ask Matterport for access at https://matterport.com/habitat-matterport-3d-research-dataset
Then take the "habitat" variant of a split (hm3d-minival-habitat-v0.2, hm3d-val-habitat-v0.2, ...):

hm3d/
  hm3d_basis.scene_dataset_config.json      says that z is up; without it that is assumed
  minival/                                  or val, train, test
    00800-TEEsavR23oF/
      TEEsavR23oF.basis.glb                 the mesh with its textures
      TEEsavR23oF.basis.navmesh             may be absent
      TEEsavR23oF.semantic.glb              left alone, as is .semantic.txt

Its textures need: pip install 'robonav[basis]'
Check it: robonav scenes check hm3d --split minival"""

_GIBSON = """\
Gibson: fill in the form at https://stanfordvl.github.io/iGibson/dataset.html
Then take the "habitat" version (gibson_habitat_trainval). There are no splits on disk:

gibson/
  Adrian.glb                                the mesh with its textures, y up
  Adrian.navmesh                            must lie beside it
  Albertville.glb
  Albertville.navmesh

Check it: robonav scenes check gibson"""

_REPLICA = """\
Replica: download.sh of https://github.com/facebookresearch/Replica-Dataset (agree to its licence first)

replica_v1/
  apartment_0/
    mesh.ply                                the mesh with vertex colours, z up
    habitat/
      mesh_semantic.navmesh                 may be absent
    textures/  semantic.json  glass.sur     left alone: surfaces show their vertex colours

Check it: robonav scenes check replica_v1"""

EXPECTED = {"hm3d": _HM3D, "gibson": _GIBSON, "replica": _REPLICA}


@dataclass(frozen=True)
class ExpectedCommand:
    """Print the folder tree of a data set as robonav expects it, and where to apply for the data.

    Examples:
        robonav scenes expected hm3d
    """

    dataset: Annotated[
        tyro.conf.Positional[Literal["hm3d", "gibson", "replica"]], tyro.conf.arg(metavar="DATASET")
    ]
    """hm3d, gibson or replica."""

    def run(self) -> None:
        """Print it."""
        print(EXPECTED[self.dataset])
