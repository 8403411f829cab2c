"""Who may call an internal endpoint."""

import pytest

from kaftalk_runtime.clock import ManualClock
from kaftalk_runtime.internal_auth import InternalKeys, NotAuthenticated

OLD, NEW, OTHER = "old" * 12, "new" * 12, "oth" * 12


def test_a_signed_request_is_taken_once() -> None:
    keys = InternalKeys([OLD])
    header = keys.sign("POST", "/internal/x", b"body")
    keys.verify("POST", "/internal/x", header, b"body")
    with pytest.raises(NotAuthenticated, match="used before"):
        keys.verify("POST", "/internal/x", header, b"body")


def test_a_key_is_replaced_without_an_outage() -> None:
    before, during, after = InternalKeys([OLD]), InternalKeys([NEW, OLD]), InternalKeys([NEW])
    during.verify("GET", "/link", before.sign("GET", "/link"))
    during.verify("GET", "/link", after.sign("GET", "/link"))
    after.verify("GET", "/link", during.sign("GET", "/link"))


@pytest.mark.parametrize(
    ("method", "path", "body"), [("PUT", "/a", b"x"), ("POST", "/b", b"x"), ("POST", "/a", b"y"), ("POST", "/a", b"")]
)
def test_what_was_signed_for_something_else_is_refused(method: str, path: str, body: bytes) -> None:
    keys = InternalKeys([OLD])
    with pytest.raises(NotAuthenticated, match="wrong"):
        keys.verify(method, path, keys.sign("POST", "/a", b"x"), body)


def test_another_key_is_refused() -> None:
    with pytest.raises(NotAuthenticated, match="wrong"):
        InternalKeys([OLD, NEW]).verify("GET", "/link", InternalKeys([OTHER]).sign("GET", "/link"))


@pytest.mark.parametrize("seconds", [-31, 31])
async def test_a_clock_that_is_off_by_over_30_s_is_refused(seconds: int) -> None:
    now_ms = 1_800_000_000_000
    theirs, ours = ManualClock(now_ms + seconds * 1000), ManualClock(now_ms)
    with pytest.raises(NotAuthenticated, match="time"):
        InternalKeys([OLD], clock=ours).verify("GET", "/", InternalKeys([OLD], clock=theirs).sign("GET", "/"))


async def test_a_used_header_stays_refused_until_it_is_too_old() -> None:
    clock = ManualClock()
    keys = InternalKeys([OLD], clock=clock)
    header = keys.sign("GET", "/")
    keys.verify("GET", "/", header)
    for _ in range(70):
        await clock.advance(1)
        with pytest.raises(NotAuthenticated):
            keys.verify("GET", "/", header)


@pytest.mark.parametrize("header", [None, "", "1:2", "x:y:z", "1:2:3:4", "²:" + "a" * 32 + ":b", "9" * 99 + ":a:b"])
def test_a_malformed_header_is_refused(header: str | None) -> None:
    with pytest.raises(NotAuthenticated, match="malformed"):
        InternalKeys([OLD]).verify("GET", "/", header)
