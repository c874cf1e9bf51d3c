"""The Kubernetes manifests, held against the schemas of Kubernetes and against the Compose file."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.test_deployment import RUNTIME, SERVICES

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
DOCUMENTS: dict[tuple[str, str], dict[str, Any]] = {
    (document["kind"], document["metadata"]["name"]): document
    for path in FOLDER.rglob("*.yaml")
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text("utf-8"))
}
KUSTOMIZATIONS = {
    path.parent: yaml.safe_load(path.read_text("utf-8")) for path in sorted(FOLDER.rglob("kustomization.yaml"))
}
#: The oldest release and the newest that the package knows.
RELEASES = ("1.25", "1.37")
PODS = {
    "worker": DOCUMENTS["Deployment", "deskbell-worker"],
    "web": DOCUMENTS["Deployment", "deskbell-web"],
    "valkey": DOCUMENTS["StatefulSet", "deskbell-valkey"],
}


def pod_of(service: str) -> dict[str, Any]:
    pod: dict[str, Any] = PODS[service]["spec"]["template"]["spec"]
    return pod


def container_of(service: str) -> dict[str, Any]:
    [container] = pod_of(service)["containers"]
    return dict(container)


def problems(document: dict[str, Any], release: str) -> str:
    """What the strict schema of a release has against it, or ''."""
    if importlib.util.find_spec("kubernetes_validate") is None:
        if os.environ.get("CI"):
            pytest.fail("kubernetes-validate, which carries the schemas, is not installed")
        pytest.skip("needs kubernetes-validate, which carries the schemas")
    import kubernetes_validate

    try:
        kubernetes_validate.validate(document, release, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{'.'.join(map(str, error.path))}: {error.message}"
    return ""


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("kind_and_name", [each for each in DOCUMENTS if each[0] != "ServiceMonitor"], ids="-".join)
def test_each_manifest_fits_the_schema(kind_and_name: tuple[str, str], release: str) -> None:
    assert problems(DOCUMENTS[kind_and_name], release) == ""


def test_the_schema_would_notice_a_misspelt_word() -> None:
    service = DOCUMENTS["Service", "deskbell-web"]
    assert "selektor" in problems({**service, "spec": {**service["spec"], "selektor": {}}}, RELEASES[-1])


def test_each_file_is_in_a_kustomization_and_the_other_way_round() -> None:
    for folder, kustomization in KUSTOMIZATIONS.items():
        files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert set(kustomization["resources"]) == files
    components = {path.name for path in FOLDER.iterdir() if path.is_dir()}
    text = (FOLDER / "kustomization.yaml").read_text("utf-8")
    assert {name for name in components if f"- {name}" in text} == components
    assert KUSTOMIZATIONS[FOLDER]["components"] == ["valkey"]


@pytest.mark.parametrize("service", PODS)
def test_a_pod_selects_itself(service: str) -> None:
    selected = PODS[service]["spec"]["selector"]["matchLabels"]
    assert PODS[service]["spec"]["template"]["metadata"]["labels"] == selected
    names = [name for (kind, name), each in DOCUMENTS.items() if each.get("spec", {}).get("selector") == selected]
    assert names == ([] if service == "worker" else [f"deskbell-{service}"])  # of Services


@pytest.mark.parametrize("service", PODS)
def test_commands_are_those_of_compose(service: str) -> None:
    # The worker's is the image's own.
    assert container_of(service).get("args") == SERVICES[service].get("command")
    assert "command" not in container_of(service)


@pytest.mark.parametrize("service", ["worker", "web"])
def test_variables_are_those_of_compose(service: str) -> None:
    container = container_of(service)
    [secret] = KUSTOMIZATIONS[FOLDER]["secretGenerator"]
    assert (secret["envs"], container["envFrom"]) == ([".env"], [{"secretRef": {"name": secret["name"]}}])
    [merged] = KUSTOMIZATIONS[FOLDER / "valkey"]["secretGenerator"]
    assert (merged["name"], merged["behavior"]) == (secret["name"], "merge")
    given = {each["name"]: each["value"] for each in container.get("env", [])}
    given |= dict(literal.split("=", 1) for literal in merged["literals"])
    assert given == {
        name: value.replace("//valkey:", "//deskbell-valkey:")
        for name, value in SERVICES[service]["environment"].items()
    }


@pytest.mark.parametrize("service", PODS)
def test_limits_are_those_of_compose(service: str) -> None:
    compose, pod, container = SERVICES[service], pod_of(service), container_of(service)
    security = container["securityContext"]
    assert (compose["read_only"], compose["cap_drop"]) == (True, ["ALL"])
    assert security["readOnlyRootFilesystem"] is True
    assert (security["capabilities"], security["allowPrivilegeEscalation"]) == ({"drop": ["ALL"]}, False)
    assert compose["security_opt"] == ["no-new-privileges:true"]
    assert [mount for mount in container["volumeMounts"] if mount["mountPath"] == "/tmp"]
    assert compose.get("stop_grace_period", "60s") == f"{pod['terminationGracePeriodSeconds']}s"
    assert compose.get("deploy", {"replicas": 1})["replicas"] == PODS[service]["spec"]["replicas"]
    assert container["image"] == compose["image"]


@pytest.mark.parametrize("service", PODS)
def test_pods_run_as_a_user_and_get_no_variables_of_services(service: str) -> None:
    # A Service of the name deskbell would set DESKBELL_PORT.
    pod = pod_of(service)
    assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)
    assert pod["securityContext"]["runAsNonRoot"] is True
    number = pod["securityContext"].get("runAsUser", RUNTIME.last("USER").partition(":")[0])
    assert int(number) > 0


def test_probes_ask_what_the_health_checks_of_image_and_compose_ask() -> None:
    worker, web, valkey = map(container_of, PODS)
    check = json.loads(RUNTIME.last("HEALTHCHECK").partition("CMD ")[2])
    assert worker["livenessProbe"]["exec"]["command"] == check
    assert web["livenessProbe"]["httpGet"]["path"] in SERVICES["web"]["healthcheck"]["test"][-1]
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    ping = SERVICES["valkey"]["healthcheck"]["test"][1:]
    assert {tuple(valkey[f"{each}Probe"]["exec"]["command"]) for each in ("startup", "liveness", "readiness")} == {
        tuple(ping)
    }


def test_the_service_monitor_scrapes_the_web_service_under_the_name_that_the_alerts_expect() -> None:
    monitor, service = DOCUMENTS["ServiceMonitor", "deskbell"], DOCUMENTS["Service", "deskbell-web"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    [labels] = KUSTOMIZATIONS[FOLDER]["labels"]
    alerts = (FOLDER.parent / "prometheus" / "alerts.yml").read_text("utf-8")
    assert f'job="{labels["pairs"][monitor["spec"]["jobLabel"]]}"' in alerts
