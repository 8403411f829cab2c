"""What the services of a stack export at `/metrics`, read as Prometheus reads it."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from kaftalk_testing.plan import service_of
from kaftalk_testing.stack import Stack


@dataclass(frozen=True, slots=True)
class Scrape:
    """The metrics of one instance."""

    instance: str
    text: str
    families: list[Metric]

    @property
    def service(self) -> str:
        """Return the service's name."""
        return service_of(self.instance)

    def total(self, sample: str, labels: Mapping[str, str]) -> float:
        """Add up the samples of a name that have these labels."""
        return sum(
            one.value
            for family in self.families
            for one in family.samples
            if one.name == sample and labels.items() <= one.labels.items()
        )


async def scrape(stack: Stack) -> list[Scrape]:
    """Ask every instance of every service."""
    async with httpx.AsyncClient(timeout=10) as http:
        return await asyncio.gather(*(_scrape(http, *one) for one in stack.plan.metrics_ports.items()))


async def _scrape(http: httpx.AsyncClient, instance: str, port: int) -> Scrape:
    answer = await http.get(f"http://127.0.0.1:{port}/metrics")
    answer.raise_for_status()
    return Scrape(instance, answer.text, list(text_string_to_metric_families(answer.text)))


def total(scrapes: Iterable[Scrape], sample: str, **labels: str) -> float:
    """Add up the samples of a name that have these labels, over all instances."""
    return sum(one.total(sample, labels) for one in scrapes)


def series_name(family: Metric) -> str:
    """Return the name that a query uses: the parser cuts `_total` off counters."""
    return f"{family.name}_total" if family.type == "counter" else str(family.name)
