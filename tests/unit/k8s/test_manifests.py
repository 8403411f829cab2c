"""What is applied to clusters, held against the schemas of Kubernetes and of the custom resources it uses."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from kaftalk_testing.manifests import Manifest, built, complaints, parsed
from kaftalk_testing.tools import repository

# The programs and schemas are fetched once a machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

K8S = repository() / "deploy/k8s"
OVERLAYS = ("demo", "prod", "prod-with-the-other-components")
# Between the oldest release in which a pause before the end of a container needs no shell, and today's newest.
RELEASES = ("1.33.0", "1.37.0")


@pytest.fixture(scope="module")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("other")
    here = os.path.relpath(K8S, folder.resolve())
    other = {
        "resources": [f"{here}/overlays/prod"],
        "components": [f"{here}/components/{c}" for c in ("keda", "ingress", "tools", "tools-strimzi")],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(other))
    folders = {"demo": K8S / "overlays/demo", "prod": K8S / "overlays/prod", OVERLAYS[2]: folder}
    return {name: built(folder) for name, folder in folders.items()}


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest, overlays: dict[str, str]) -> list[Manifest]:
    return parsed(overlays[request.param])


@pytest.mark.parametrize("release", RELEASES)
def test_every_object_is_what_its_schema_says(overlays: dict[str, str], release: str) -> None:
    assert complaints("\n---\n".join(overlays.values()), release) == []


def test_a_misspelt_field_would_be_found(overlays: dict[str, str]) -> None:
    wrong = overlays["prod"].replace("readOnlyRootFilesystem:", "readonlyRootFilesystem:")
    found = complaints(wrong.replace("operations:", "operation:"), RELEASES[0])
    assert {complaint.split()[0] for complaint in found} == {"Deployment", "StatefulSet", "Job", "KafkaUser"}


def test_the_demo_needs_no_custom_resource(overlays: dict[str, str]) -> None:
    groups = {manifest["apiVersion"].partition("/")[0] for manifest in parsed(overlays["demo"])}
    assert groups <= {"v1", "apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io"}


def test_the_namespace_enforces_the_restricted_level_and_every_pod_keeps_to_it(manifests: list[Manifest]) -> None:
    (namespace,) = _of(manifests, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in _pods(manifests):
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in _containers(pod):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert container["resources"]["limits"]["memory"], name


def test_no_pod_but_the_one_that_makes_secrets_holds_a_token_of_the_cluster(manifests: list[Manifest]) -> None:
    holders = {name for name, pod in _pods(manifests) if pod.get("automountServiceAccountToken") is not False}
    assert holders == {"make-secrets"}


def test_no_secret_is_in_a_file_or_in_an_environment(manifests: list[Manifest]) -> None:
    assert _of(manifests, "Secret") == []
    for name, pod in _pods(manifests):
        for container in _containers(pod):
            assert not [env for env in container.get("env", []) if "secretKeyRef" in env.get("valueFrom", {})], name
            assert not [source for source in container.get("envFrom", []) if "secretRef" in source], name
    for config in _of(manifests, "ConfigMap"):
        settings = [key for key in config["data"] if key.startswith("KAFTALK_")]
        assert not [key for key in settings if re.search("SECRET|PASSWORD|ACCESS_KEY|INTERNAL_KEYS|REDIS_URL", key)]


def test_variables_of_other_services_never_come_by_themselves(manifests: list[Manifest]) -> None:
    """A Service called kafka would set KAFKA_PORT, which the broker would take for a setting."""
    assert all(pod["enableServiceLinks"] is False for _, pod in _pods(manifests))


def test_a_pod_has_time_to_drain_after_the_pause_before_it(manifests: list[Manifest]) -> None:
    settings = next(c for c in _of(manifests, "ConfigMap") if c["metadata"]["name"].startswith("kaftalk-settings"))
    drain_s = float(settings["data"]["KAFTALK_DRAIN_S"])
    for name, pod in _pods(manifests):
        container = pod["containers"][0]
        if container["name"] != "service":
            continue
        pause_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        work_s = drain_s + 10 if name == "gateway" else 20
        # Draining and stopping have `work_s` each, open connections 5 s between them; half of both is ample.
        assert pod["terminationGracePeriodSeconds"] >= pause_s + 5 + 1.5 * work_s, name
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}, name
        assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}, name


def test_everything_is_denied_that_no_policy_names(manifests: list[Manifest]) -> None:
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in _of(manifests, "NetworkPolicy")}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    open_to_all = {
        name
        for name, spec in policies.items()
        for rule in spec.get("ingress", []) + spec.get("egress", [])
        if not rule.get("from") and not rule.get("to")
    }
    assert open_to_all <= {"anybody-to-web", "make-secrets-to-api", "media-to-s3", "kafka-to-kafka"}


def test_in_production_every_deployment_has_company_and_a_budget(overlays: dict[str, str]) -> None:
    manifests = parsed(overlays["prod"])
    budgets = {budget["metadata"]["name"] for budget in _of(manifests, "PodDisruptionBudget")}
    for deployment in _of(manifests, "Deployment"):
        spread = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert deployment["spec"]["replicas"] >= 2
        assert {one["topologyKey"] for one in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
        assert deployment["metadata"]["name"] in budgets


def test_in_production_only_who_has_to_may_delete_or_make_topics(overlays: dict[str, str]) -> None:
    rights = {
        user["metadata"]["name"].removeprefix("kaftalk-"): {
            operation
            for rule in user["spec"]["authorization"]["acls"]
            if rule["resource"]["type"] == "topic"
            for operation in rule["operations"]
        }
        for user in _of(parsed(overlays["prod"]), "KafkaUser")
    }
    assert {name for name, operations in rights.items() if "Delete" in operations} == {"delivery"}
    assert {name for name, operations in rights.items() if "Create" in operations} == {"delivery", "rooms"}


def test_components_that_replace_others_do(overlays: dict[str, str]) -> None:
    manifests = parsed(overlays[OVERLAYS[2]])
    scaled = [found["spec"]["scaleTargetRef"]["name"] for found in _of(manifests, "ScaledObject")]
    by_processor = [found["metadata"]["name"] for found in _of(manifests, "HorizontalPodAutoscaler")]
    assert sorted(scaled) == ["delivery", "gateway"]
    assert not set(scaled) & set(by_processor)


def _of(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def _pods(manifests: list[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("Deployment", "StatefulSet", "Job"):
        for owner in _of(manifests, kind):
            yield owner["metadata"]["name"], owner["spec"]["template"]["spec"]


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]
