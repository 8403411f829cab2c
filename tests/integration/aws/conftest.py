"""The template of deploy/aws, installed in an emulator of AWS that really runs the function."""

import asyncio
import io
import os
import sys
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from botocore.session import get_session
from cfnlint.decode import decode

from kaftalk_testing.media_listener import MediaListener, running_listener
from kaftalk_testing.ports import free_port
from kaftalk_testing.probes import http_ok
from kaftalk_testing.process import Program, start
from kaftalk_testing.tools import repository, venv_program

TEMPLATE = repository() / "deploy/aws/template.yaml"
REGION = "eu-central-1"
STACK = "kaftalk"
BUCKET = "kaftalk-media-of-the-tests"
ORIGIN = "https://chat.example.org"
KEY = "an-internal-key-of-more-than-32-characters"


class Aws:
    """Clients of the emulator; calls run in threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._clients: dict[str, Any] = {}

    async def call(self, service: str, operation: str, **parameters: Any) -> Any:
        """Call an operation as the account's owner, by botocore's names."""
        if service not in self._clients:
            self._clients[service] = self.client(service, "test", "test")
        return await asyncio.to_thread(getattr(self._clients[service], operation), **parameters)

    def client(self, service: str, access_key: str, secret_key: str) -> Any:
        """Return a client of somebody else."""
        keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
        return get_session().create_client(service, region_name=REGION, endpoint_url=self.url, **keys)


@dataclass(frozen=True, slots=True)
class Installed:
    """The stack, and the media service that its function tells results."""

    aws: Aws
    media: MediaListener
    outputs: dict[str, str]


@pytest_asyncio.fixture(scope="session")
async def aws(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Aws]:
    """Run the emulator; its functions run in processes of this environment's Python."""
    port = free_port()
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "LAMBDA_EXECUTOR": "local",
        "AUTH": "true",
        "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
    }
    ready = http_ok(port, "/_ministack/health")
    program = Program("ministack", (venv_program("ministack"),), ready, env=environment)
    child = await start(program, tmp_path_factory.mktemp("aws") / "ministack.log", tied=True)
    yield Aws(f"http://127.0.0.1:{port}")
    child.kill()


@pytest_asyncio.fixture(scope="session")
async def installed(aws: Aws) -> AsyncIterator[Installed]:
    """Install the template as docs/media.md says."""
    async with running_listener(KEY) as media:
        secret = (await aws.call("secretsmanager", "create_secret", Name="keys", SecretString=KEY))["ARN"]
        await aws.call(
            "s3", "create_bucket", Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        await aws.call("s3", "put_object", Bucket="artifacts", Key="function.zip", Body=_packed())
        parameters = {
            "BucketName": BUCKET,
            "AppOrigins": ORIGIN,
            "MediaUrl": media.url,
            "InternalKeysSecret": secret,
        }
        await aws.call(
            "cloudformation",
            "create_stack",
            StackName=STACK,
            TemplateBody=_installable(TEMPLATE.read_text()),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        yield Installed(aws, media, await _outputs(aws))


async def _outputs(aws: Aws) -> dict[str, str]:
    """Wait until everything is there."""
    async with asyncio.timeout(60):
        while True:
            stack = (await aws.call("cloudformation", "describe_stacks", StackName=STACK))["Stacks"][0]
            if stack["StackStatus"] != "CREATE_IN_PROGRESS":
                break
            await asyncio.sleep(0.1)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _installable(template: str) -> str:
    """Let the emulator install it: the same code without an image, for which it would need Docker."""
    image, encrypted = "      PackageType: Image\n", '{aws:SecureTransport: "false"}'
    assert image in template
    assert encrypted in template
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    code = "{Bucket: artifacts, Key: function.zip}"
    handler = "kaftalk_thumbnailer.handler.handler"
    zipped = f"      Runtime: {runtime}\n      Handler: {handler}\n      CodeUri: {code}\n"
    # The emulator is reached by plain HTTP.
    return template.replace(image, zipped).replace(encrypted, '{aws:SecureTransport: "never"}')


def _packed() -> bytes:
    """Zip the function; what it depends on is in the environment."""
    source, file = repository() / "services/media/thumbnailer/src", io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in source.rglob("*.py"):
            archive.write(path, path.relative_to(source))
    return file.getvalue()


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """Return the template as it is written."""
    decoded, complaints = decode(str(TEMPLATE))
    assert not complaints
    return dict(decoded)
