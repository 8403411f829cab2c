"""The proxy's routes and its own errors, with recording servers in the places of the services."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from kaftalk_testing import plan as plans
from kaftalk_testing.plan import Plan
from kaftalk_testing.ports import free_port
from kaftalk_testing.process import start
from kaftalk_testing.stack import small_plan


class Upstream:
    """Answers with its name, or ends the connection after a request when told to `fail`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fail = False
        self.status = b"200 OK"
        self.requests: list[str] = []
        self.headers: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                lines = head.lower().split("\r\n")
                length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length")), 0)
                await reader.readexactly(length)
                self.requests.append(head.split("\r\n")[0])
                self.headers += lines
                if self.fail:
                    break
                body = self.name.encode()
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (self.status, len(body), body))
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


class Site:
    """A proxy with its upstreams by instance name."""

    def __init__(self, plan: Plan, upstreams: dict[str, Upstream], client: httpx.AsyncClient) -> None:
        self.plan = plan
        self.upstreams = upstreams
        self.client = client
        self.servers: dict[str, asyncio.Server] = {}


@pytest_asyncio.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    (tmp_path / "dist/assets").mkdir(parents=True)
    (tmp_path / "dist/index.html").write_text("<title>Kaftalk</title>")
    (tmp_path / "dist/assets/app-1a2b.js").write_text("1")
    plan = small_plan(tmp_path, {}, {}, iter(free_port, 0))
    async with httpx.AsyncClient(base_url=plan.url) as client:
        site = Site(plan, {name: Upstream(name) for name in plan.instances}, client)
        for name, upstream in site.upstreams.items():
            port = plan.instances[name].public
            site.servers[name] = await asyncio.start_server(upstream.serve, "127.0.0.1", port)
        site.upstreams["s3"] = s3 = Upstream("s3")
        site.servers["s3"] = await asyncio.start_server(s3.serve, "127.0.0.1", plan.s3_port)
        program = plans.proxy(plan, web=tmp_path / "dist")
        proxy = await start(program, tmp_path / "caddy.log", tied=True)
        yield site
        proxy.kill()
    for server in site.servers.values():
        server.close()


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/v1/rooms", "rooms-1"),
        ("/api/v1/me", "rooms-1"),
        ("/api/v1/mediaeval", "rooms-1"),
        ("/api/v1/me/quiet-hourss", "rooms-1"),
        ("/api/v1/media", "media-1"),
        ("/api/v1/media/7/complete", "media-1"),
        ("/api/v1/me/quiet-hours", "dnd-batch-1"),
        ("/api/v1/me/snooze", "dnd-batch-1"),
        ("/api/v1/me/held", "dnd-batch-1"),
        ("/api/v1/me/releases/3", "dnd-batch-1"),
        ("/api/v1/org/quiet-hours", "dnd-batch-1"),
        ("/api/v1/users/7/quiet", "dnd-batch-1"),
        ("/api/v1/users/7", "rooms-1"),
        ("/api/v1/users/7/quieter", "rooms-1"),
    ],
)
async def test_each_path_goes_to_its_service(site: Site, path: str, service: str) -> None:
    answer = await site.client.get(path)

    assert answer.text == service


async def test_the_api_has_one_description_of_all_its_services(site: Site) -> None:
    answer = await site.client.get("/api/openapi.json")

    assert answer.headers["cache-control"] == "no-store"
    assert {"/api/v1/rooms", "/api/v1/me/quiet-hours"} < set(answer.json()["paths"])


async def test_sockets_go_to_the_gateways_in_turn(site: Site) -> None:
    names = [(await site.client.get("/ws")).text for _ in range(4)]

    assert sorted(names) == ["gateway-1", "gateway-1", "gateway-2", "gateway-2"]


async def test_a_gateway_that_is_away_is_passed_over(site: Site) -> None:
    site.servers["gateway-1"].close()

    names = [(await site.client.get("/ws")).text for _ in range(4)]

    assert names == ["gateway-2"] * 4


async def test_a_gateway_that_drains_is_asked_once_then_passed_over(site: Site) -> None:
    site.upstreams["gateway-1"].status = b"503 Service Unavailable"

    answers = [await site.client.get("/ws") for _ in range(6)]

    assert [answer.status_code for answer in answers].count(503) <= 1
    assert {answer.text for answer in answers if answer.status_code == 200} == {"gateway-2"}


@pytest.mark.parametrize("path", ["/metrics", "/link", "/healthz", "/readyz", "/internal", "/internal/x", "//link"])
async def test_nothing_internal_is_served(site: Site, path: str) -> None:
    answer = await site.client.get(f"{site.plan.url}{path}")

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (answer.json()["status"], answer.json()["code"]) == (404, "not_found")
    assert not any(upstream.requests for upstream in site.upstreams.values())


async def test_every_other_path_is_the_web_client_with_its_security_headers(site: Site) -> None:
    for path in ("/", "/invite/abc", "/rooms/1"):
        answer = await site.client.get(path)

        assert "<title>Kaftalk</title>" in answer.text
        assert answer.headers["cache-control"] == "no-cache"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


async def test_the_page_may_load_media_from_the_s3_origin_and_scripts_from_nowhere_else(site: Site) -> None:
    policy = (await site.client.get("/")).headers["content-security-policy"]
    allowed = {name: sources for name, *sources in (part.split() for part in policy.split(";"))}

    origin = site.plan.s3_public_url
    assert origin == f"http://127.0.0.1:{site.plan.files_port}"
    assert {name for name, sources in allowed.items() if origin in sources} == {"connect-src", "img-src", "media-src"}
    assert allowed["default-src"] == ["'self'"]
    assert not any("*" in source or "unsafe" in source for sources in allowed.values() for source in sources)


async def test_browsers_reach_the_objects_of_the_bucket_with_the_host_that_was_signed(site: Site) -> None:
    files = site.plan.s3_public_url
    for method, path in [("GET", "media/r/m/thumb.webp?X-Amz-Signature=1"), ("PUT", "incoming/image/r/m")]:
        answer = await site.client.request(method, f"{files}/{plans.BUCKET}/{path}")

        assert (answer.status_code, answer.text) == (200, "s3")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox")
        assert site.upstreams["s3"].requests[-1] == f"{method} /{plans.BUCKET}/{path} HTTP/1.1"
    assert f"host: {files.removeprefix('http://')}" in site.upstreams["s3"].headers


async def test_nothing_else_of_the_s3_server_is_reached(site: Site) -> None:
    for method, path in [
        ("GET", ""),
        ("GET", plans.BUCKET),
        ("GET", f"{plans.BUCKET}/?list-type=2"),
        ("GET", f"{plans.BUCKET}/media/"),
        ("GET", "other-bucket/media/r/m"),
        ("GET", f"{plans.BUCKET}/media/../../other-bucket/media/x"),
        ("GET", f"{plans.BUCKET}/media/%2e%2e/%2e%2e/other-bucket/media/x"),
        ("DELETE", f"{plans.BUCKET}/media/r/m/original.jpg"),
        ("POST", f"{plans.BUCKET}/incoming/image/r/m?uploads"),
    ]:
        answer = await site.client.request(method, f"{site.plan.s3_public_url}/{path}")

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not site.upstreams["s3"].requests


async def test_hashed_assets_are_kept_by_browsers_and_missing_ones_are_not_the_page(site: Site) -> None:
    assert "immutable" in (await site.client.get("/assets/app-1a2b.js")).headers["cache-control"]

    missing = await site.client.get("/assets/gone.js")
    assert missing.status_code == 404
    assert "immutable" not in missing.headers.get("cache-control", "")


async def test_a_service_that_is_away_is_a_problem_of_the_contract(site: Site) -> None:
    site.servers["rooms-1"].close()

    for answer in (await site.client.get("/api/v1/rooms"), await site.client.post("/api/v1/rooms", json={})):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["code"] == "unavailable"
        assert answer.json()["status"] == 503


async def test_a_post_that_may_have_been_carried_out_is_not_repeated_and_its_outcome_is_unknown(site: Site) -> None:
    rooms = site.upstreams["rooms-1"]
    rooms.fail = True

    for body in (b"", b"{}"):
        answer = await site.client.post("/api/v1/rooms", content=body)
        assert answer.status_code == 503
        assert answer.json()["code"] == "unknown_outcome"

    assert len(rooms.requests) == 2


async def test_the_client_cannot_choose_its_own_address(site: Site) -> None:
    await site.client.get("/api/v1/rooms", headers={"X-Forwarded-For": "9.9.9.9"})

    assert "x-forwarded-for: 127.0.0.1" in site.upstreams["rooms-1"].headers


async def test_many_requests_share_a_few_connections_without_errors(site: Site) -> None:
    statuses = [(await site.client.get(f"/api/v1/rooms?n={n}")).status_code for n in range(50)]

    assert set(statuses) == {200}
