"""Loads the fixtures that start real Kafka, Redis and whole stacks."""

pytest_plugins = ["kaftalk_testing.fixtures"]
