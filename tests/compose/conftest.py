"""These tests need dockerd and images: collected by `make compose-test` only."""

import os

collect_ignore_glob = [] if os.environ.get("KAFTALK_COMPOSE_TEST") else ["test_*.py"]
