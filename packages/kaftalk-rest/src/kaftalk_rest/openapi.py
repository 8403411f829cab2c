"""One OpenAPI description of the API whose parts several services answer; each serves its own part as well.

Write it with `python -m kaftalk_rest.openapi MODULE… > docs/openapi.json`, all modules `kaftalk_<service>.api` in the
order in which `tests/contract/rest` names them.
"""

import importlib
import json
import sys
from collections.abc import Iterable
from typing import Any


class PartsDiffer(ValueError):
    """Two services describe something of the same name differently."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is described twice, and differently")
        self.name = name


def merge(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Join descriptions: all paths, and all components by their names.

    Raises PartsDiffer.
    """
    merged: dict[str, Any] = {"paths": {}, "components": {}}
    for part in parts:
        _join(merged["paths"], part["paths"])
        for kind, components in part["components"].items():
            _join(merged["components"].setdefault(kind, {}), components)
        _join(merged, {name: said for name, said in part.items() if name not in ("paths", "components")})
    return merged


def render(parts: Iterable[dict[str, Any]]) -> str:
    """Give the joined description as text that compares well."""
    return json.dumps(merge(parts), indent=2, ensure_ascii=False) + "\n"


def _join(merged: dict[str, Any], part: dict[str, Any]) -> None:
    for name, described in part.items():
        if merged.setdefault(name, described) != described:
            raise PartsDiffer(name)


if __name__ == "__main__":
    sys.stdout.write(render(importlib.import_module(name).build_api().openapi() for name in sys.argv[1:]))
