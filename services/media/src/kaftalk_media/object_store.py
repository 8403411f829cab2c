"""The only file that names aioboto3: a bucket by plain S3 calls, and URLs that let browsers use it.

A URL is signed here, without asking the server, and says all: key, type, length and SHA-256 of what is written.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import aioboto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kaftalk_media.errors import MultipartGone, PartsRefused, StoreAway
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger

KEYS_A_REQUEST = 1_000
PARTS_A_REQUEST = 1_000
CORS_AGE_S = 3_600
FOLDER_TYPE = "application/x-directory"
CONNECT_TIMEOUT_S = 2
ANSWER_TIMEOUT_S = 4
JOIN_TIMEOUT_S = 12
"""A server of one's own may copy all parts."""

TRIES = 2
CONNECTIONS = 32

_SHA256 = {"ChecksumAlgorithm": "SHA256"}
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_EXISTS = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})
_BAD_PARTS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "InvalidRequest", "BadDigest"})

_log = get_logger(__name__)
_failed = metrics.counter("kaftalk_media_store_failures_total", "Requests to the S3 server without a useful answer")


class Place(NamedTuple):
    """Where the bucket is. `public_endpoint` is the server as browsers reach it; None for both: AWS."""

    bucket: str
    region: str
    endpoint: str | None = None
    public_endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None


class Signed(NamedTuple):
    """A request that a browser may make: its URL, and the headers to set (Content-Length is signed besides)."""

    url: str
    headers: dict[str, str]


class StoredPart(NamedTuple):
    """A part of a multipart upload that the server has; `sha256` as S3 writes it, None if it does not tell."""

    n: int
    size: int
    etag: str
    sha256: str | None


class ObjectStore:
    """One bucket. All methods that ask the server raise StoreAway; the `presign` ones ask nobody."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._bucket = place.bucket
        self._open = AsyncExitStack()
        self._client: Any = None
        self._signer: Any = None
        self._lists_checksums: bool | None = None

    async def start(self) -> None:
        """Make the clients; nothing is sent."""
        place = self._place
        self._client = await self._connect(place.endpoint)
        self._signer = self._client
        if place.public_endpoint and place.public_endpoint != place.endpoint:
            self._signer = await self._connect(place.public_endpoint)

    async def stop(self) -> None:
        """Close the connections."""
        await self._open.aclose()

    async def ensure_bucket(self, origins: Sequence[str], folders: Iterable[str]) -> None:
        """Make the bucket unless it is there, and let pages of these origins write and read objects.

        `folders` (prefixes that end with a slash) get an object of their own. VersityGW removes a folder with the last
        object in it, and answers 409 to whoever writes into it at that moment, but for those that were made so.
        """
        try:
            await self._ask("create_bucket")
        except _Refused as refused:
            if refused.code not in _EXISTS:
                raise
        rule = {
            "AllowedOrigins": list(origins),
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["content-type", "x-amz-checksum-sha256"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": CORS_AGE_S,
        }
        await self._ask("put_bucket_cors", CORSConfiguration={"CORSRules": [rule]})
        for folder in folders:
            if await self.head(folder) is None:
                await self.put(folder, b"", FOLDER_TYPE)

    # --- signing ---

    async def presign_put(self, key: str, *, content_type: str, size: int, sha256: str, for_s: int) -> Signed:
        """Let one object be written: this key, type, length in bytes and content, `sha256` in base64."""
        asked = {"Key": key, "ContentType": content_type, "ContentLength": size, "ChecksumSHA256": sha256}
        headers = {"Content-Type": content_type, "x-amz-checksum-sha256": sha256}
        return Signed(await self._sign("put_object", for_s, asked), headers)

    async def presign_part(self, key: str, upload_id: str, n: int, *, size: int, sha256: str, for_s: int) -> Signed:
        """Let one part of a multipart upload be written: this number, length in bytes and content."""
        asked = {"Key": key, "UploadId": upload_id, "PartNumber": n, "ContentLength": size, "ChecksumSHA256": sha256}
        return Signed(await self._sign("upload_part", for_s, asked), {"x-amz-checksum-sha256": sha256})

    async def presign_get(self, key: str, *, content_type: str, disposition: str, for_s: int) -> str:
        """Let one object be read, as this type and with this `Content-Disposition`."""
        asked = {"Key": key, "ResponseContentType": content_type, "ResponseContentDisposition": disposition}
        return await self._sign("get_object", for_s, asked)

    # --- multipart uploads ---

    async def create_multipart(self, key: str, content_type: str) -> str:
        """Begin an upload in parts and give its id."""
        if self._lists_checksums is None:
            self._lists_checksums = await self._try_listing(key)
        checksums = _SHA256 if self._lists_checksums else {}
        answer = await self._ask("create_multipart_upload", Key=key, ContentType=content_type, **checksums)
        return str(answer["UploadId"])

    async def parts(self, key: str, upload_id: str) -> list[StoredPart]:
        """Give the parts that are stored, by number.

        Raises MultipartGone.
        """
        found: list[StoredPart] = []
        marker = 0
        while True:
            answer = await self._ask(
                "list_parts", Key=key, UploadId=upload_id, PartNumberMarker=marker, MaxParts=PARTS_A_REQUEST
            )
            found += [_stored_part(part) for part in answer.get("Parts", ())]
            if not answer.get("IsTruncated"):
                return sorted(found)
            marker = answer["NextPartNumberMarker"]

    async def complete_multipart(self, key: str, upload_id: str, parts: Iterable[StoredPart]) -> None:
        """Join the parts to the object.

        Raises MultipartGone, PartsRefused.
        """
        named = [
            {"PartNumber": part.n, "ETag": part.etag} | ({"ChecksumSHA256": part.sha256} if part.sha256 else {})
            for part in parts
        ]
        await self._ask("complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": named})

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Forget an upload in parts and what is stored of it; one that is gone is forgotten."""
        try:
            await self._ask("abort_multipart_upload", Key=key, UploadId=upload_id)
        except MultipartGone:
            return

    # --- objects ---

    async def head(self, key: str) -> int | None:
        """Give the length of an object in bytes; None if there is none."""
        try:
            return int((await self._ask("head_object", Key=key))["ContentLength"])
        except _Refused as refused:
            _check_missing(refused)
            return None

    async def read(self, key: str) -> bytes | None:
        """Give the whole content of a small object; None if there is none."""
        try:
            answer = await self._ask("get_object", Key=key)
        except _Refused as refused:
            _check_missing(refused)
            return None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S), answer["Body"] as body:
                return bytes(await body.read())
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise _away("get_object", error) from error

    async def put(self, key: str, content: bytes, content_type: str) -> None:
        """Write one small object whole."""
        await self._ask("put_object", Key=key, Body=content, ContentType=content_type)

    async def delete(self, keys: Iterable[str]) -> None:
        """Remove objects one by one; those that are not there are removed."""
        for key in keys:
            await self._ask("delete_object", Key=key)

    async def delete_prefix(self, prefix: str) -> int:
        """Remove every object below a prefix and give their number."""
        removed = 0
        while True:
            answer = await self._ask("list_objects_v2", Prefix=prefix, MaxKeys=KEYS_A_REQUEST)
            keys = [stored["Key"] for stored in answer.get("Contents", ())]
            await self.delete(keys)
            removed += len(keys)
            if not keys or not answer.get("IsTruncated"):
                return removed

    async def _try_listing(self, key: str) -> bool:
        """Find out whether the server lists the checksums of parts, once a process.

        AWS takes parts with a SHA-256 only if the upload was begun so, and then wants all of them again at the end:
        they are taken from the list. SeaweedFS wants them too, but does not list them; there an upload is begun
        without, and the checksum of every part is checked all the same.
        """
        upload_id = str((await self._ask("create_multipart_upload", Key=key, **_SHA256))["UploadId"])
        try:
            await self._ask("upload_part", Key=key, UploadId=upload_id, PartNumber=1, Body=b"-", **_SHA256)
            return all(part.sha256 for part in await self.parts(key, upload_id))
        finally:
            await self.abort_multipart(key, upload_id)

    async def _connect(self, endpoint: str | None) -> Any:
        place = self._place
        config = Config(
            signature_version="s3v4",
            # One address of AWS's bucket in every region: the page's Content-Security-Policy names it.
            s3={"addressing_style": "path" if endpoint else "virtual", "us_east_1_regional_endpoint": "regional"},
            # The checksum that the sender announced is the one that counts; no other is added.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=JOIN_TIMEOUT_S,
            retries={"total_max_attempts": TRIES, "mode": "standard"},
            max_pool_connections=CONNECTIONS,
        )
        client = aioboto3.Session().client(
            "s3", region_name=place.region, endpoint_url=endpoint, config=config,
            aws_access_key_id=place.access_key, aws_secret_access_key=place.secret_key,
        )  # fmt: skip
        return await self._open.enter_async_context(client)

    async def _sign(self, operation: str, for_s: int, asked: Mapping[str, Any]) -> str:
        try:
            url = await self._signer.generate_presigned_url(
                operation, Params={"Bucket": self._bucket, **asked}, ExpiresIn=for_s
            )
        except BotoCoreError as error:
            # No credentials: AWS's chain asks the machine for them.
            raise _away(operation, error) from error
        return str(url)

    async def _ask(self, operation: str, **parameters: Any) -> Any:
        patience_s = JOIN_TIMEOUT_S if operation == "complete_multipart_upload" else ANSWER_TIMEOUT_S
        try:
            async with asyncio.timeout(patience_s):
                return await getattr(self._client, operation)(Bucket=self._bucket, **parameters)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code == "NoSuchUpload":
                raise MultipartGone(operation) from error
            if operation == "complete_multipart_upload" and code in _BAD_PARTS:
                raise PartsRefused(code) from error
            if code not in _MISSING | _EXISTS:
                raise _away(operation, error) from error
            raise _Refused(operation, code) from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise _away(operation, error) from error


class _Refused(StoreAway):
    """The server refused; `code` is its word for it."""

    def __init__(self, operation: str, code: str) -> None:
        super().__init__(operation, code)
        self.code = code


def _check_missing(refused: _Refused) -> None:
    if refused.code not in _MISSING:
        raise refused


def _away(operation: str, error: Exception) -> StoreAway:
    _failed.inc()
    _log.warning("store_away", operation=operation, error=repr(error))
    return StoreAway(operation, repr(error))


def _stored_part(part: Mapping[str, Any]) -> StoredPart:
    return StoredPart(part["PartNumber"], part["Size"], part["ETag"], part.get("ChecksumSHA256"))
