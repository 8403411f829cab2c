"""Kubernetes manifests without a cluster: built by kustomize, and held against real schemas by kubeconform.

Both programs are built from their Go modules once a machine; the schemas come from the wheel `kubernetes-validate`,
those of custom resources from `custom_resources`.
"""

import contextlib
import fcntl
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from kaftalk_testing.custom_resources import custom_resources
from kaftalk_testing.tools import ToolFailed, cache_folder, require, run
from kaftalk_testing.versitygw import GO

Manifest = dict[str, Any]

_KUSTOMIZE = ("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "v5.8.1")
_KUBECONFORM = ("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0")


def built(folder: Path) -> str:
    """Build a kustomization. Raises MissingTools, ToolFailed."""
    return _output([_program(*_KUSTOMIZE), "build", str(folder)])


def parsed(manifests: str) -> list[Manifest]:
    """Read the objects of a YAML stream."""
    return [manifest for manifest in yaml.safe_load_all(manifests) if manifest]


def complaints(manifests: str, release: str) -> list[str]:
    """Hold manifests against the schemas of a Kubernetes release (`1.33.0`) and those of custom resources.

    Raises MissingTools, ToolFailed.
    """
    locations = [
        f"{_kubernetes_schemas(release)}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
        f"{_custom_schemas()}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json",
    ]
    options = [word for location in locations for word in ("-schema-location", location)]
    command = [_program(*_KUBECONFORM), "-kubernetes-version", release, "-output", "json", *options, "-"]
    answer = subprocess.run(command, input=manifests, capture_output=True, text=True)
    if not answer.stdout:
        raise ToolFailed("kubeconform", answer.returncode, answer.stderr)
    return [f"{found['kind']} {found['name']}: {found['msg']}" for found in json.loads(answer.stdout)["resources"]]


def _kubernetes_schemas(release: str) -> Path:
    """Copy the wheel's schemas with references that hold in any folder, and no name on a server that is asked."""
    shipped = Path(kubernetes_validate.__file__).parent / f"kubernetes-json-schema/v{release}-local-strict"
    folder = cache_folder() / f"kubernetes-schemas-{release}"
    if not folder.exists():
        part = Path(tempfile.mkdtemp(dir=cache_folder()))
        for file in shipped.glob("*.json"):
            schema = json.loads(file.read_text().replace('"/api/_definitions.json', '"_definitions.json'))
            (part / file.name).write_text(json.dumps({key: schema[key] for key in schema if key != "$id"}))
        with contextlib.suppress(OSError):  # another process was faster
            part.rename(folder)
    return folder


def _custom_schemas() -> Path:
    """Write a JSON schema for each version of each custom resource."""
    folder = cache_folder() / "custom-resource-schemas"
    for definition in custom_resources():
        spec = definition["spec"]
        group = folder / spec["group"]
        group.mkdir(parents=True, exist_ok=True)
        for version in spec["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            (group / f"{spec['names']['kind'].lower()}_{version['name']}.json").write_text(json.dumps(schema))
    return folder


def _strict(schema: Any) -> Any:
    """Refuse what a schema does not name, as the API server does where objects are validated strictly."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not open_ended:
        strict["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        strict["type"] = ["string", "integer"]
    return strict


def _program(name: str, module: str, version: str) -> str:
    home = cache_folder() / f"{name}-{version}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / name).exists():
            print(f"building {name} {version} with Go: once a machine, about a minute", flush=True)
            environment = os.environ | {"GOBIN": str(home / "part"), "CGO_ENABLED": "0"}
            options = ["install", "-trimpath", "-ldflags=-s -w", f"{module}@{version}"]
            run("go install", [require(GO), *options], env=environment)
            (home / "part" / name).rename(home / name)
    return str(home / name)


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ToolFailed(Path(command[0]).name, done.returncode, done.stderr)
    return done.stdout
