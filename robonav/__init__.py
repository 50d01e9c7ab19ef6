"""robonav trains robots to explore 3D worlds they have never seen.

After `import robonav`, before or after `import gymnasium`, Gymnasium knows the ids `robonav/...-v0`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

__version__ = "0.1.0"


def register_environments() -> None:
    """Make our ids known to Gymnasium; loads no environment."""
    from robonav import driving, envs  # noqa: F401 (they register names when they are imported)


class _OnceGymnasiumIsImported:
    """A finder of modules that registers our ids as soon as somebody has imported Gymnasium.

    Importing it ourselves would make `import robonav` cost much more, and Gymnasium reads no entry points.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Gymnasium's own spec, with our registration behind its execution."""
        if name != "gymnasium":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                register_environments()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


if "gymnasium" in sys.modules:
    register_environments()
else:
    sys.meta_path.insert(0, _OnceGymnasiumIsImported())
