"""A Kubernetes cluster as `KUBECONFIG` names it, asked through kubectl."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kaftalk_testing.tools import repository

WEB_PORT = 30080
S3_PORT = 30099
_GONE_S = 120.0


class KubectlFailed(Exception):
    """A command ended with an error; holds what it printed."""

    def __init__(self, command: tuple[str, ...], output: str) -> None:
        super().__init__(f"kubectl {' '.join(command)}: {output.strip()[-2000:]}")
        self.output = output


async def kubectl(*command: str, stdin: str = "") -> str:
    """Run a command and give its output. Raises KubectlFailed."""
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaint = await process.communicate(stdin.encode())
    if process.returncode:
        raise KubectlFailed(command, complaint.decode() or output.decode())
    return output.decode()


class Demo:
    """What `overlays/demo` makes, in its namespace, reached at a node's address."""

    def __init__(self, namespace: str, node: str) -> None:
        self.namespace = namespace
        self.url = f"http://{node}:{WEB_PORT}"
        self.ws_url = f"ws://{node}:{WEB_PORT}/ws"
        self.s3_url = f"http://{node}:{S3_PORT}"

    @property
    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Return what has to be said of the address: ConfigMaps by name."""
        return {
            "kaftalk-settings": {
                "KAFTALK_PUBLIC_URL": self.url,
                "KAFTALK_ORIGINS": self.url,
                "KAFTALK_S3_PUBLIC_ENDPOINT": self.s3_url,
            },
            "kaftalk-web": {"KAFTALK_S3_ORIGIN": self.s3_url},
        }

    async def ask(self, *command: str, stdin: str = "") -> str:
        """Run kubectl in the namespace. Raises KubectlFailed."""
        return await kubectl("--namespace", self.namespace, *command, stdin=stdin)

    async def listed(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a kind. Raises KubectlFailed."""
        items: list[dict[str, Any]] = json.loads(
            await self.ask("get", kind, "--output", "json", *(["--selector", selector] if selector else []))
        )["items"]
        return items

    async def pods(self, app: str) -> list[str]:
        """Return the names of an app's pods. Raises KubectlFailed."""
        return [pod["metadata"]["name"] for pod in await self.listed("pods", f"app.kubernetes.io/name={app}")]

    async def ready(self, timeout_s: int = 300) -> None:
        """Wait until every Deployment and StatefulSet has all its pods ready. Raises KubectlFailed."""
        for kind in ("statefulsets", "deployments"):
            for found in await self.listed(kind):
                name = f"{kind}/{found['metadata']['name']}"
                await self.ask("rollout", "status", name, f"--timeout={timeout_s}s")

    async def restart(self, deployment: str, timeout_s: int = 300) -> None:
        """Replace a Deployment's pods one by one, and wait until the old ones are gone. Raises KubectlFailed."""
        old = await self.pods(deployment)
        await self.ask("rollout", "restart", f"deployment/{deployment}")
        await self.ask("rollout", "status", f"deployment/{deployment}", f"--timeout={timeout_s}s")
        for pod in old:
            await self.ask("wait", "--for=delete", f"pod/{pod}", f"--timeout={timeout_s}s")

    async def kill(self, app: str) -> None:
        """Kill one pod of an app without a word, as a dying node does. Raises KubectlFailed."""
        pod = (await self.pods(app))[0]
        await self.ask("delete", "pod", pod, "--grace-period=0", "--force")


async def node_address() -> str:
    """Return the address of a node, as the cluster knows it. Raises KubectlFailed."""
    nodes = json.loads(await kubectl("get", "nodes", "--output", "json"))["items"]
    addresses = [address for node in nodes for address in node["status"]["addresses"]]
    return str(next(address["address"] for address in addresses if address["type"] == "InternalIP"))


def overlay(folder: Path, settings: Mapping[str, Mapping[str, str]]) -> Path:
    """Write a kustomization on top of `overlays/demo` that sets more, as operators do."""
    demo = os.path.relpath(repository() / "deploy/k8s/overlays/demo", folder.resolve())
    generated = [
        {"name": name, "behavior": "merge", "literals": [f"{key}={value}" for key, value in values.items()]}
        for name, values in settings.items()
    ]
    kustomization = {"resources": [demo], "namespace": "kaftalk", "configMapGenerator": generated}
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization))
    return folder


async def apply(folder: Path) -> None:
    """Apply a kustomization. Raises KubectlFailed."""
    await kubectl("apply", "--kustomize", str(folder))


async def delete(folder: Path, namespace: str) -> None:
    """Delete what a kustomization made, and wait until its namespace is gone. Raises KubectlFailed."""
    await kubectl("delete", "--kustomize", str(folder), "--ignore-not-found", "--wait=false")
    await kubectl("wait", "--for=delete", f"namespace/{namespace}", f"--timeout={_GONE_S:g}s")
