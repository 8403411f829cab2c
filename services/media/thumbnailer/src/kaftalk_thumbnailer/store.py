"""The object store: plain S3 calls only, so that AWS, VersityGW and SeaweedFS all do."""

from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

_CHUNK_BYTES = 256 * 1024
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


class Absent(Exception):
    """There is no object under the key."""


class Incomplete(Exception):
    """Less came than was announced; taken for the whole it would be refused as truncated, and that for ever."""


class ObjectStore:
    """One bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def size(self, key: str) -> int:
        """Return the object's length in bytes. Raises Absent."""
        length: int = self._call("head_object", Key=key)["ContentLength"]
        return length

    def read(self, key: str, bytes_max: int | None = None) -> bytes:
        """Return the content, or its first `bytes_max` bytes. Raises Absent."""
        part = {"Range": f"bytes=0-{bytes_max - 1}"} if bytes_max else {}
        content: bytes = self._call("get_object", Key=key, **part)["Body"].read()
        return content

    def download(self, key: str, path: Path) -> None:
        """Copy the object into a file. Raises Absent, Incomplete."""
        answer = self._call("get_object", Key=key)
        with path.open("wb") as file:
            length = sum(map(file.write, answer["Body"].iter_chunks(_CHUNK_BYTES)))
        if length != answer["ContentLength"]:
            raise Incomplete(f"{key}: {length} of {answer['ContentLength']} bytes")

    def upload(self, path: Path, key: str, content_type: str) -> None:
        """Write a file's content under the key."""
        with path.open("rb") as file:
            self._call("put_object", Key=key, Body=file, ContentType=content_type)

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Write the content under the key."""
        self._call("put_object", Key=key, Body=content, ContentType=content_type)

    def copy(self, source: str, key: str, content_type: str) -> None:
        """Copy an object inside the store, with this type and no other metadata. Raises Absent."""
        origin = {"Bucket": self._bucket, "Key": source}
        self._call("copy_object", Key=key, CopySource=origin, MetadataDirective="REPLACE", ContentType=content_type)

    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""
        self._call("delete_object", Key=key)

    def delete_all(self, prefix: str) -> None:
        """Remove the objects below a prefix, of which there are a handful."""
        for stored in self._call("list_objects_v2", Prefix=prefix).get("Contents", ()):
            self.delete(stored["Key"])

    def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            return getattr(self._client, operation)(Bucket=self._bucket, **parameters)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                raise Absent(parameters["Key"]) from error
            raise


def connect(bucket: str, endpoint: str | None, region: str | None) -> ObjectStore:
    """Return the bucket at the endpoint (None: AWS); credentials are found as every AWS client finds them."""
    config = Config(
        connect_timeout=3,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 3},
        s3={"addressing_style": "path"} if endpoint else {},
        signature_version="s3v4",
        # Newer checksums than these are unknown to some servers.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = get_session().create_client("s3", region_name=region, endpoint_url=endpoint, config=config)
    return ObjectStore(client, bucket)
