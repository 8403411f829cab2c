"""What deploy/aws installs: linted, and run once from the notification to the result."""

import asyncio
import json
import subprocess
import uuid
from functools import partial
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from kaftalk_testing.media_samples import CANARY, photo
from kaftalk_testing.tools import repository, venv_program

pytestmark = pytest.mark.slow

WAIT_S = 60
ROOM = str(uuid.uuid4())


async def upload(installed: Any, content: bytes) -> tuple[str, str]:
    """Put a picture where the media service has a browser put it; return the id and the key."""
    media = str(uuid.uuid4())
    key = f"incoming/image/{ROOM}/{media}"
    await installed.aws.call("s3", "put_object", Bucket=installed.outputs["Bucket"], Key=key, Body=content)
    return media, key


async def keys(installed: Any, prefix: str) -> set[str]:
    bucket = installed.outputs["Bucket"]
    answer = await installed.aws.call("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix)
    return {stored["Key"] for stored in answer.get("Contents", ())}


def test_the_template_says_what_aws_understands() -> None:
    linted = subprocess.run(
        [venv_program("cfn-lint"), str(repository() / "deploy/aws/template.yaml")], capture_output=True, text=True
    )
    assert (linted.returncode, linted.stdout) == (0, "")


async def test_an_upload_notifies_the_function_which_tells_the_result(installed: Any) -> None:
    async with asyncio.timeout(WAIT_S):
        media, key = await upload(installed, photo(size=(800, 600)))
        told = await installed.media.result_of(media)
        while await keys(installed, key):
            await asyncio.sleep(0.05)

    assert (told["status"], told["content_type"], told["width"]) == ("ready", "image/jpeg", 800)
    folder = f"media/{ROOM}/{media}/"
    names = ("manifest.json", "original.jpg", "preview.webp", "thumb.webp")
    assert await keys(installed, folder) == {folder + name for name in names}
    for variant in told["variants"].values():
        stored = await installed.aws.call("s3", "get_object", Bucket=installed.outputs["Bucket"], Key=variant["key"])
        assert stored["ContentType"] == variant["content_type"]
        assert CANARY not in stored["Body"].read()


async def test_what_fails_three_times_waits_as_a_dead_letter(installed: Any) -> None:
    installed.media.status = 503
    async with asyncio.timeout(WAIT_S):
        media, key = await upload(installed, photo())
        told = await installed.media.result_of(media, times=3)
        queue = installed.outputs["DeadLetters"]
        letters: list[Any] = []
        while not letters:
            letters = (await installed.aws.call("sqs", "receive_message", QueueUrl=queue)).get("Messages", [])
            await asyncio.sleep(0.05)
        installed.media.status = 204
        letter = json.loads(letters[0]["Body"])
        assert letter["requestPayload"]["Records"][0]["s3"]["object"]["key"] == key
        # What docs/media.md says to do with it.
        event = json.dumps(letter["requestPayload"])
        function = installed.outputs["Function"]
        await installed.aws.call("lambda", "invoke", FunctionName=function, InvocationType="Event", Payload=event)
        assert await installed.media.result_of(media, times=4) == told


async def test_only_the_app_s_pages_may_use_the_bucket_and_nobody_without_a_signature(installed: Any) -> None:
    bucket = installed.outputs["Bucket"]
    rules = (await installed.aws.call("s3", "get_bucket_cors", Bucket=bucket))["CORSRules"]
    assert [rule["AllowedOrigins"] for rule in rules] == [["https://chat.example.org"]]
    assert {method for rule in rules for method in rule["AllowedMethods"]} == {"GET", "HEAD", "PUT"}
    block = await installed.aws.call("s3", "get_public_access_block", Bucket=bucket)
    assert all(block["PublicAccessBlockConfiguration"].values())
    assert len(block["PublicAccessBlockConfiguration"]) == 4
    async with httpx.AsyncClient() as anybody:
        listed = await anybody.get(f"{installed.aws.url}/{bucket}?list-type=2")
    assert (listed.status_code, "AccessDenied" in listed.text) == (403, True)
    encryption = await installed.aws.call("s3", "get_bucket_encryption", Bucket=bucket)
    assert encryption["ServerSideEncryptionConfiguration"]["Rules"]


def test_leftovers_expire_and_nothing_that_is_served_does(template: dict[str, Any]) -> None:
    rules = template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert {rule.get("Prefix") for rule in rules if "ExpirationInDays" in rule} == {"incoming/"}
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


async def test_the_media_service_may_do_what_it_needs_and_no_more(installed: Any) -> None:
    await installed.aws.call("iam", "create_user", UserName="media")
    policy = installed.outputs["MediaServicePolicy"]
    await installed.aws.call("iam", "attach_user_policy", UserName="media", PolicyArn=policy)
    made = (await installed.aws.call("iam", "create_access_key", UserName="media"))["AccessKey"]
    s3 = installed.aws.client("s3", made["AccessKeyId"], made["SecretAccessKey"])
    bucket, key, served = installed.outputs["Bucket"], f"incoming/file/{ROOM}/7", f"media/{ROOM}/7/original"
    await installed.aws.call("s3", "put_object", Bucket=bucket, Key=served, Body=b"1")

    def use() -> None:
        upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        s3.list_parts(Bucket=bucket, Key=key, UploadId=upload)
        s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
        s3.head_object(Bucket=bucket, Key=served)
        s3.list_objects_v2(Bucket=bucket, Prefix=f"media/{ROOM}/7/")
        s3.delete_object(Bucket=bucket, Key=served)
        for forbidden in (
            partial(s3.put_object, Bucket=bucket, Key=served, Body=b"1"),
            partial(s3.put_object, Bucket=bucket, Key="elsewhere", Body=b"1"),
            partial(s3.put_bucket_cors, Bucket=bucket, CORSConfiguration={"CORSRules": []}),
            partial(s3.delete_bucket, Bucket=bucket),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                forbidden()

    await asyncio.to_thread(use)


def test_no_role_may_do_everything_of_anything(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    function = resources["ThumbnailerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    service = resources["MediaServicePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    for statement in (*function, *service):
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        assert not any("*" in action for action in actions)
        assert statement["Resource"] != "*"
