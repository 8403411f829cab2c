"""S3 servers for tests, and a bucket: what a browser would write, and a look at everything in it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.session import get_session

from kaftalk_testing.ports import free_port
from kaftalk_testing.process import start
from kaftalk_testing.seaweedfs import seaweedfs
from kaftalk_testing.versitygw import REGION, S3Credentials, versitygw

SERVERS = ("versitygw", "seaweedfs")


@dataclass(frozen=True, slots=True)
class S3Server:
    """A server that runs, and the owner of its buckets."""

    name: str
    endpoint: str
    credentials: S3Credentials
    region: str = REGION


@asynccontextmanager
async def running_server(name: str, folder: Path) -> AsyncIterator[S3Server]:
    """Run one of SERVERS, without events, while the block runs. Raises MissingTools, StartError, ToolFailed."""
    credentials, port = S3Credentials("kaftalk", "a-secret-of-the-tests"), free_port()
    if name == "versitygw":
        program = await asyncio.to_thread(versitygw, folder, port, credentials)
    else:
        program = seaweedfs(folder, port, credentials, iter(free_port, 0))
    child = await start(program, folder / f"{name}.log", tied=True)
    yield S3Server(name, f"http://127.0.0.1:{port}", credentials)
    child.kill()


class Bucket:
    """One bucket of a server; calls run in threads."""

    def __init__(self, endpoint: str, credentials: S3Credentials, name: str) -> None:
        self.endpoint = endpoint
        self.credentials = credentials
        self.name = name
        self._client = get_session().create_client(
            "s3",
            region_name=REGION,
            endpoint_url=endpoint,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )

    async def create(self) -> None:
        """Make the bucket."""
        await self._call("create_bucket")

    async def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object."""
        await self._call("put_object", Key=key, Body=content, ContentType=content_type)

    async def get(self, key: str) -> tuple[bytes, str]:
        """Return an object's content and type."""
        answer = await self._call("get_object", Key=key)
        return await asyncio.to_thread(answer["Body"].read), answer["ContentType"]

    async def keys(self, prefix: str = "") -> set[str]:
        """Return the keys of up to 1,000 objects."""
        answer = await self._call("list_objects_v2", Prefix=prefix)
        return {stored["Key"] for stored in answer.get("Contents", ())}

    async def delete(self, key: str) -> None:
        """Remove an object."""
        await self._call("delete_object", Key=key)

    async def _call(self, operation: str, **parameters: Any) -> Any:
        return await asyncio.to_thread(getattr(self._client, operation), Bucket=self.name, **parameters)
