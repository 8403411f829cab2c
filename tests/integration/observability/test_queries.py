"""Dashboards and alerts ask only for what the services export, in the language of Prometheus, and are written up."""

import re
import subprocess
from pathlib import Path

import pytest
import pytest_asyncio

from kaftalk_testing.promtool import promtool
from kaftalk_testing.queries import FOLDER, alert_rules, dashboards, queries, write_as_rules
from kaftalk_testing.scrapes import Scrape, scrape, series_name
from kaftalk_testing.stack import Stack
from kaftalk_testing.tools import repository

pytestmark = pytest.mark.slow

BY_PROMETHEUS = {"up"}
TARGET_LABELS = {"job", "instance"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scrapes(stack: Stack) -> list[Scrape]:
    return await scrape(stack)


@pytest.fixture(scope="module")
def page() -> str:
    return (repository() / "docs/observability.md").read_text()


def exported(scrapes: list[Scrape]) -> dict[str, str]:
    """Give the types of all families by name."""
    return {series_name(family): family.type for one in scrapes for family in one.families}


def sample_names(scrapes: list[Scrape]) -> set[str]:
    names = set()
    for name, kind in exported(scrapes).items():
        names |= {name + suffix for suffix in ("_bucket", "_count", "_sum")} if kind == "histogram" else {name}
    return names


async def test_every_query_asks_for_what_is_exported(scrapes: list[Scrape]) -> None:
    known = sample_names(scrapes) | BY_PROMETHEUS
    unknown = {(query.where, name) for query in queries() for name, _ in query.series() if name not in known}
    assert not unknown


async def test_every_query_chooses_by_labels_that_there_are(scrapes: list[Scrape]) -> None:
    labels: dict[str, set[str]] = {}
    for one in scrapes:
        for family in one.families:
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels)
    for query in queries():
        for name, chosen in query.series():
            if name in labels:
                assert chosen <= labels[name] | TARGET_LABELS, query


def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    write_as_rules(tmp_path / "queries.yml")
    checks = (["rules", str(tmp_path / "queries.yml")], ["rules", "alerts.yml"], ["config", "prometheus.yml"])
    for kind, path in checks:
        done = subprocess.run([promtool(), "check", kind, path], cwd=FOLDER, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").symlink_to(FOLDER / "alerts.yml")
    (tmp_path / "test.yml").symlink_to(Path(__file__).parent / "alerts.test.yml")
    done = subprocess.run([promtool(), "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_how_bad_it_is_and_where_to_read_on(page: str) -> None:
    headings = {line[4:].lower() for line in page.splitlines() if line.startswith("### ")}
    for rule in alert_rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        file, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (repository() / file).exists()
        assert anchor == rule["alert"].lower()
        assert anchor in headings, f"{rule['alert']} is not written up"
        assert rule["annotations"]["summary"]


def test_every_heading_of_an_alert_is_an_alert(page: str) -> None:
    headings = {line[4:] for line in page.splitlines() if line.startswith("### Kaftalk")}
    assert headings == {rule["alert"] for rule in alert_rules()}


async def test_every_metric_is_written_up_and_nothing_else(scrapes: list[Scrape], page: str) -> None:
    names = {name for name in exported(scrapes) if name.startswith("kaftalk_")}
    assert set(re.findall(r"^\| `(kaftalk_[a-z0-9_]+)`", page, re.MULTILINE)) == names


def test_dashboards_have_names_of_their_own_and_nothing_overlaps() -> None:
    found = dashboards()
    assert len({dashboard["uid"] for dashboard in found.values()}) == len(found) > 0
    for name, dashboard in found.items():
        cells: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= 24, f"{name}: {panel['title']}"
            assert not cells & own, f"{name}: {panel['title']}"
            cells |= own
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]), name
