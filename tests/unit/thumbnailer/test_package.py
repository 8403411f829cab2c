"""What is packed for Lambda."""

import re
from importlib.metadata import distribution
from pathlib import Path

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 250 MB, unzipped.
_BYTES_MAX = 250 * 1024 * 1024


def packed(name: str) -> set[str]:
    """Name a distribution and all that it needs, without its extras."""
    required = [line for line in distribution(name).requires or () if "extra ==" not in line]
    names = {match[0] for line in required if (match := re.match(r"[\w.-]+", line))}
    return {name}.union(*(packed(each) for each in names))


def test_the_function_fits_into_lambda_and_brings_nothing_of_the_workspace() -> None:
    names = packed("kaftalk-thumbnailer")
    assert not {name for name in names if name.startswith("kaftalk")} - {"kaftalk-thumbnailer"}
    files = [file for name in names for file in distribution(name).files or ()]
    found = sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).exists())
    assert 50 * 1024 * 1024 < found < _BYTES_MAX
