"""`overlays/prod` against a real API server: every object is accepted as it is, and would be as a change."""

import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from kaftalk_testing.cluster import KubectlFailed, kubectl
from kaftalk_testing.custom_resources import custom_resources
from kaftalk_testing.manifests import built, parsed
from kaftalk_testing.tools import repository

pytestmark = pytest.mark.timeout(600)

PROD = repository() / "deploy/k8s/overlays/prod"


@pytest.fixture(scope="module")
async def definitions() -> AsyncIterator[None]:
    """Define the custom resources that the cluster does not know, and the namespace, for as long as it takes."""
    unknown = []
    for definition in custom_resources():
        try:
            await kubectl("get", "crd", definition["metadata"]["name"])
        except KubectlFailed:
            unknown.append(definition)
    namespace = next(found for found in parsed(built(PROD)) if found["kind"] == "Namespace")
    made = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*unknown, namespace]})
    await kubectl("apply", "--server-side", "--filename", "-", stdin=made)
    for definition in unknown:
        await kubectl("wait", "--for=condition=Established", f"crd/{definition['metadata']['name']}")
    yield
    with contextlib.suppress(KubectlFailed):
        await kubectl("delete", "--filename", "-", stdin=made)


@pytest.mark.usefixtures("definitions")
async def test_the_api_server_takes_every_object_of_production() -> None:
    objects = parsed(built(PROD))
    told = await kubectl(
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "--warnings-as-errors",
        "--kustomize",
        str(PROD),
    )
    assert len(told.splitlines()) == len(objects)
