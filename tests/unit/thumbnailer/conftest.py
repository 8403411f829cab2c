"""Fixtures: a process that renders uploads."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from kaftalk_testing.media_rendering import Render, Renderer, running_renderer


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    """Start the process once for all tests."""
    with running_renderer() as running:
        yield running


@pytest.fixture
def render(renderer: Renderer, tmp_path: Path) -> Render:
    """Return a function that renders bytes as an upload of a kind: `render("image", content)`."""
    return partial(renderer.render, tmp_path)
