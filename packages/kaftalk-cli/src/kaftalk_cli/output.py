"""What the tool prints: tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from kaftalk_cli.findings import Finding, Level

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option that every command has."""

_STYLES = {Level.GOOD: "green", Level.WEAK: "yellow", Level.WRONG: "bold red"}


class Output:
    """Prints answers; as JSON each is one document on standard output, and nothing else."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._console = Console(soft_wrap=True)

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Print one object."""
        if self.as_json:
            print(json.dumps(facts, ensure_ascii=False))
        for name, value in {} if self.as_json else facts.items():
            self._console.print(f"{name}: {value}", markup=False, highlight=False)

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Print objects with equal keys as a table."""
        if self.as_json:
            print(json.dumps(list(rows), ensure_ascii=False))
            return
        table = Table(*(rows[0] if rows else ()), box=None, pad_edge=False)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        self._console.print(table)

    def findings(self, findings: Sequence[Finding]) -> None:
        """Print what was found, and what to do about it."""
        if self.as_json:
            print(json.dumps([_as_dict(one) for one in findings], ensure_ascii=False))
            return
        for one in findings:
            self._console.print(f"[{_STYLES[one.level]}]{one.level:5}[/] ", end="")
            self._console.print(f"{one.subject}: {one.found}", markup=False, highlight=False)
            if one.fix:
                self._console.print(f"      {one.fix}", markup=False, highlight=False)


def _as_dict(finding: Finding) -> dict[str, str]:
    return {"subject": finding.subject, "level": finding.level, "found": finding.found, "fix": finding.fix}
