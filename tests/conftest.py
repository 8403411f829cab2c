"""Loads the fixtures that start real Kafka, Redis and whole stacks; property tests are the same in each run.

`pytest --hypothesis-profile=explore` draws other examples each time.
"""

from hypothesis import settings

pytest_plugins = ["kaftalk_testing.fixtures"]

# A busy machine must not fail a test: an example may take its time.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None, print_blob=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("repeatable")
