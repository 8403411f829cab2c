"""The queries of dashboards and alert rules, and what they ask for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kaftalk_testing.tools import repository

FOLDER = repository() / "deploy/observability"
_SELECTED = re.compile(r"\b((?:kaftalk|process|python)_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?")
_MATCHED = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and where it stands."""

    where: str
    text: str

    def series(self) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield the names of the series that are asked for, each with the labels by which it is chosen."""
        for name, matchers in _SELECTED.findall(self.text):
            yield name, frozenset(_MATCHED.findall(matchers))

    @property
    def filled(self) -> str:
        """Return the expression with Grafana's variables replaced."""
        return self.text.replace("$__rate_interval", "5m").replace("$job", ".*").replace("$instance", ".*")


def alert_rules() -> list[dict[str, Any]]:
    """Return the alert rules as they are written."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboards() -> dict[str, dict[str, Any]]:
    """Return Grafana's dashboards by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted((FOLDER / "grafana/dashboards").glob("*.json"))}


def queries() -> list[Query]:
    """Return everything that dashboards and alerts ask."""
    asked = [Query(rule["alert"], rule["expr"]) for rule in alert_rules()]
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                asked.append(Query(f"{name}: {panel['title']}", target["expr"]))
    return asked


def write_as_rules(path: Path) -> None:
    """Write all queries as recording rules, which promtool can check."""
    rules = [{"record": f"q:{number}", "expr": query.filled} for number, query in enumerate(queries())]
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
