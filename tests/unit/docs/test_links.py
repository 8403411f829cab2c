"""Every link in the pages that stays in the repository leads somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

from kaftalk_testing.tools import repository

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"(?m)^#+ +(.+)$")
CODE = re.compile(r"(?s)```.*?```")


def pages() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=repository(), capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def anchors(page: Path) -> set[str]:
    """Return what GitHub makes of the headings of a page."""
    headings = HEADING.findall(CODE.sub("", page.read_text()))
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", pages())
def test_every_link_within_the_repository_leads_somewhere(page: str) -> None:
    here = repository() / page
    dead = []
    for link in LINK.findall(CODE.sub("", here.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (here.parent / name).resolve() if name else here
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []
