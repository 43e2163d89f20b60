"""The Helm chart, rendered by Helm's own library and checked against the schemas of Kubernetes' API."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from helm_process import HelmRefusal, messages_of_lint, rendered
from posemill.cli.main import COMMANDS, cli
from posemill.settings import KNOWN

CHART = Path(__file__).resolve().parents[3] / "deploy" / "helm" / "posemill"
SECRET = "posemill-secrets"
WORKLOADS = ("Deployment", "Job")
KEDA = ("ScaledObject", "TriggerAuthentication")  # not of Kubernetes itself
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "hpa": {"labeller": {"autoscaling": {"kind": "hpa"}}},
    "nothing scales": {
        "labeller": {"autoscaling": {"kind": "none"}, "replicas": 3},
        "service": {"autoscaling": {"enabled": False}, "podDisruptionBudget": {"enabled": False}},
    },
    "kubernetes workers": {"worker": {"poolType": "kubernetes"}},
    "service alone": {"worker": {"enabled": False}, "labeller": {"enabled": False}, "exporter": {"enabled": False}},
    "own volume and registry": {
        "workspace": {"existingClaim": "mine", "storageClassName": "fast"},
        "image": {"pullSecrets": [{"name": "registry"}]},
        "config": {"env": {"AWS_DEFAULT_REGION": "eu-central-1", "POSEMILL_DATABASE_SCHEMA": "clips"}},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/store"}},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}],
    },
    "ingress and egress": {
        "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}},
        "networkPolicy": {
            "serviceFrom": [{"namespaceSelector": {"matchLabels": {"name": "web"}}}],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"protocol": "TCP", "port": 5432}]}],
        },
    },
}


def render(**values: Any) -> list[dict[str, Any]]:
    """Every object of a release."""
    files = rendered(str(CHART), {"existingSecret": SECRET, **values})
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


@pytest.fixture(params=VARIANTS)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return render(**VARIANTS[request.param])


def named(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for found in objects if found["kind"] == kind}


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Specifications of pods, by the name of what starts them."""
    return {f["metadata"]["name"]: f["spec"]["template"]["spec"] for f in objects if f["kind"] in WORKLOADS}


def containers(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for spec in pods(objects).values():
        yield from [*spec.get("initContainers", ()), *spec["containers"]]


def test_helm_finds_nothing_to_say() -> None:
    found = messages_of_lint(str(CHART), {"existingSecret": SECRET})
    worse = [message for message in found if "icon is recommended" not in message]
    assert worse == []


def test_objects_are_valid_by_the_schemas_of_kubernetes(objects: list[dict[str, Any]]) -> None:
    for found in objects:
        if found["kind"] not in KEDA:
            kubernetes_validate.validate(found, "1.34", strict=True)


def test_the_schemas_would_find_a_fault() -> None:
    deployment = named(render(), "Deployment")["gym-service"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.34", strict=True)


def test_no_container_has_root_privileges_or_a_writable_image(objects: list[dict[str, Any]]) -> None:
    for name, spec in pods(objects).items():
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 1000, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "hostNetwork" not in spec
    for container in containers(objects):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "/tmp" in [mount["mountPath"] for mount in container["volumeMounts"]]
        assert container["resources"]["requests"]["cpu"]
        assert container["resources"]["limits"]["memory"]
        assert not container["image"].endswith((":latest", ":"))


def test_only_a_worker_that_starts_jobs_has_a_token() -> None:
    for name, values in VARIANTS.items():
        objects = render(**values)
        with_token = [pod for pod, spec in pods(objects).items() if spec["automountServiceAccountToken"]]
        assert with_token == (["gym-worker"] if name == "kubernetes workers" else [])
        assert all(
            found["automountServiceAccountToken"] is False for found in named(objects, "ServiceAccount").values()
        )
        accounts = set(named(objects, "ServiceAccount"))
        assert {spec["serviceAccountName"] for spec in pods(objects).values()} <= accounts


def test_volumes_and_references_exist(objects: list[dict[str, Any]]) -> None:
    claims, maps = set(named(objects, "PersistentVolumeClaim")) | {"mine"}, set(named(objects, "ConfigMap"))
    for spec in pods(objects).values():
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes)
            refs = container["envFrom"]
            assert [r["secretRef"]["name"] for r in refs if "secretRef" in r] == [SECRET]
            assert {r["configMapRef"]["name"] for r in refs if "configMapRef" in r} <= maps
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps


def test_selectors_find_their_pods(objects: list[dict[str, Any]]) -> None:
    labels = [f["spec"]["template"]["metadata"]["labels"] for f in objects if f["kind"] == "Deployment"]
    for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy"):
        for name, found in named(objects, kind).items():
            spec = found["spec"]
            selector = spec.get("selector") or spec["podSelector"]
            wanted = selector.get("matchLabels", selector)
            matching = [pod for pod in labels if wanted.items() <= pod.items()]
            assert matching or name == "gym-worker", name  # a policy for a worker that may not be there
    deployments = named(objects, "Deployment")
    for kind in ("HorizontalPodAutoscaler", "ScaledObject"):
        for found in named(objects, kind).values():
            scaled = deployments[found["spec"]["scaleTargetRef"]["name"]]
            assert "replicas" not in scaled["spec"]  # an upgrade would set it back


def test_migrations_run_before_everything_and_after_what_they_need() -> None:
    hooks = {
        (found["kind"], found["metadata"]["name"]): found["metadata"]["annotations"]
        for found in render()
        if "helm.sh/hook" in found["metadata"].get("annotations", {})
    }
    assert hooks.keys() == {
        ("ConfigMap", "gym"),
        ("ServiceAccount", "gym"),
        ("Job", "gym-migrations"),
        ("Job", "gym-deployments"),
    }
    before, job = hooks["ConfigMap", "gym"], hooks["Job", "gym-migrations"]
    assert before["helm.sh/hook"] == job["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(before["helm.sh/hook-weight"]) < int(job["helm.sh/hook-weight"])
    assert hooks["Job", "gym-deployments"]["helm.sh/hook"] == "post-install,post-upgrade"


def test_probes_ask_what_the_service_answers() -> None:
    container = pods(render())["gym-service"]["containers"][0]
    asked = {kind: container[kind]["httpGet"]["path"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}


def test_variables_are_known_and_none_is_secret(objects: list[dict[str, Any]]) -> None:
    data = [found["data"] for found in named(objects, "ConfigMap").values()]
    names = {name for found in data for name in found}
    names |= {variable["name"] for container in containers(objects) for variable in container.get("env", ())}
    assert {name for name in names if name.startswith("POSEMILL_")} <= set(KNOWN)
    assert not [name for name in names if any(word in name for word in ("PASSWORD", "SECRET", "DATABASE_URL"))]
    assert "Secret" not in {found["kind"] for found in objects}


def test_commands_exist_with_their_options(objects: list[dict[str, Any]]) -> None:
    seen = set()
    for container in containers(objects):
        words = container.get("command", ())
        if words[:1] == ["posemill"]:
            check_command(words)
            seen.add(words[1])
    assert seen <= {"db", "label", "exporter"}
    assert "db" in seen


def check_command(words: list[str]) -> None:
    """A command line of posemill: its parser takes it."""
    assert words[1] in COMMANDS, shlex.join(words)
    command = cli.get_command(None, words[1])  # type: ignore[arg-type]
    rest = words[2:]
    if hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context("posemill", list(rest), resilient_parsing=False)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"existingSecret": ""}, "existingSecret"),
        ({"config": {"storeUrl": "/data/store"}}, "storeUrl"),
        ({"config": {"env": {"AWS_SECRET_ACCESS_KEY": "x"}}}, "AWS_SECRET_ACCESS_KEY"),
        ({"labeller": {"autoscaling": {"kind": "vpa"}}}, "kind"),
        ({"service": {"port": 70000}}, "port"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], says: str) -> None:
    with pytest.raises(HelmRefusal, match=says):
        render(**values)


def test_labellers_scale_by_the_queue() -> None:
    scaled = named(render(), "ScaledObject")["gym-labeller"]["spec"]
    (trigger,) = scaled["triggers"]
    assert trigger["type"] == "postgresql"
    assert trigger["metadata"]["targetQueryValue"] == "50"
    assert trigger["authenticationRef"] == {"name": "gym-database"}
    secret = named(render(), "TriggerAuthentication")["gym-database"]["spec"]["secretTargetRef"]
    assert secret == [{"parameter": "connection", "name": SECRET, "key": "POSEMILL_DATABASE_URL"}]
    hpa = named(render(**VARIANTS["hpa"]), "HorizontalPodAutoscaler")["gym-labeller"]["spec"]["metrics"]
    assert hpa[0]["external"]["metric"]["name"] == "posemill_label_chunks"
