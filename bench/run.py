"""Run all benchmarks and write their tables to docs/benchmarks.md: `make bench`, or `make bench ONLY=fanout,path`."""

import asyncio
import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import description

SECTIONS = {
    "fanout": "Gateway: processor time per delivered message",
    "path": "The whole path: send → acknowledged → received on the other gateway",
    "creation": "A new room",
    "idle": "An idle connection",
    "roomlog": "Reading many room logs: KIP-227 sessions beside the stock consumer",
    "takeover": "Delivery killed",
    "release": "Quiet hours that end at the same minute",
    "media": "Pictures, voice and files",
}
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main(chosen: list[str]) -> None:
    """Run the chosen sections, print each table, and put it into its place on the page."""
    for name in chosen or list(SECTIONS):
        print(f"## {SECTIONS[name]}", flush=True)
        table = asyncio.run(importlib.import_module(f"bench.{name}").run())
        print(table, flush=True)
        _keep(name, table)


def _keep(name: str, table: str) -> None:
    """Replace what stands between the section's two markers."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    page = PAGE.read_text()
    before, _, rest = page.partition(begin)
    after = rest.partition(end)[2]
    day = datetime.now(UTC).date().isoformat()
    PAGE.write_text(f"{before}{begin}\n{table}\n\n{day}, {description()}\n{end}{after}")


if __name__ == "__main__":
    main(sys.argv[1:])
