"""Log lines: one JSON object each, whatever is in it, and no secrets."""

import json
import subprocess
import sys

SCRIPT = """
import logging
from kaftalk_runtime.logs import configure, get_logger
configure("rooms", "rooms-1", "info")
log = get_logger("x")
log.info("sent", room="r1", name="a\\r\\n{} \\x1b[2J \\u2028 \\u009b 안녕", text="hello", token="t0ken", password="pw")
log.debug("hidden")
logging.getLogger("uvicorn.error").error("bad %s", "\\x1b[31mthing")
try:
    1 / 0
except ZeroDivisionError as error:
    log.error("failed", exc_info=error)
"""


def test_lines_are_json_without_control_characters_and_secrets() -> None:
    printed = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True).stdout
    assert all(byte == 10 or 32 <= byte < 127 for byte in printed)
    sent, library, failed = map(json.loads, printed.splitlines())
    assert sent["event"] == "sent"
    assert sent["service"] == "rooms"
    assert sent["instance"] == "rooms-1"
    assert sent["name"].endswith("안녕")
    assert not {"hello", "t0ken", "pw"} & set(sent.values())
    assert (library["event"], library["level"]) == ("bad \x1b[31mthing", "error")
    assert "ZeroDivisionError" in failed["exception"]
