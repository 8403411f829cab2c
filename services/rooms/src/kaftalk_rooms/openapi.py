"""Print the OpenAPI description: `python -m kaftalk_rooms.openapi > docs/openapi.json`."""

import json
import sys

from kaftalk_rooms.api import build_api


def render() -> str:
    """Give the description as text that compares well."""
    return json.dumps(build_api().openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
