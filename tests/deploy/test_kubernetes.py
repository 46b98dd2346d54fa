"""Manifests: by Kubernetes' own schemas, and fitting each other."""

import kubernetes_validate
import pytest
import yaml

from streamimb_services.serve import settings_of
from tests.deploy.files import DEPLOY

FOLDER = DEPLOY / "kubernetes"
MANIFESTS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
#: Kinds that others than Kubernetes define.
FOREIGN = {"kustomization", "servicemonitor"}
NAME = {"app.kubernetes.io/name": "streamimb"}
POD = MANIFESTS["statefulset"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("version", ["1.28", "1.37"])
@pytest.mark.parametrize("name", sorted(set(MANIFESTS) - FOREIGN))
def test_a_manifest_keeps_its_schema(name, version):
    """Strictly: a key that Kubernetes does not know is an error."""
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(MANIFESTS[name] | {"spce": {}}, version, strict=True)


def test_every_manifest_is_applied_but_the_example():
    """What kustomization names is there, and all of it."""
    named = {each.removesuffix(".yaml") for each in MANIFESTS["kustomization"]["resources"]}
    assert named == set(MANIFESTS) - {"kustomization", "secret-example"}


def test_whatever_selects_selects_the_pods():
    """Service, disruption budget, network policy, anti-affinity and the monitor mean the same pods."""
    assert MANIFESTS["statefulset"]["spec"]["template"]["metadata"]["labels"] == NAME
    selectors = [
        MANIFESTS[name]["spec"]["selector"] for name in ("statefulset", "poddisruptionbudget", "servicemonitor")
    ]
    assert [each["matchLabels"] for each in selectors] == [NAME] * 3
    assert MANIFESTS["service"]["spec"]["selector"] == NAME == MANIFESTS["service"]["metadata"]["labels"]
    assert MANIFESTS["networkpolicy"]["spec"]["podSelector"]["matchLabels"] == NAME
    assert MANIFESTS["statefulset"]["spec"]["serviceName"] == MANIFESTS["service"]["metadata"]["name"]


def test_an_owner_and_a_standby_share_one_state():
    """Two pods, one volume that both can mount, each a static member under its own name."""
    assert MANIFESTS["statefulset"]["spec"]["replicas"] == 2
    assert MANIFESTS["pvc"]["spec"]["accessModes"] == ["ReadWriteMany"]
    claims = [v["persistentVolumeClaim"]["claimName"] for v in POD["volumes"] if "persistentVolumeClaim" in v]
    assert claims == [MANIFESTS["pvc"]["metadata"]["name"]]
    variables = {each["name"]: each["valueFrom"] for each in CONTAINER["env"]}
    assert variables["STREAMIMB_SOURCE__GROUP_INSTANCE_ID"]["fieldRef"]["fieldPath"] == "metadata.name"
    secret = variables["STREAMIMB_KAFKA__SASL_PASSWORD"]["secretKeyRef"]["key"]
    assert {secret, "token"} == set(MANIFESTS["secret-example"]["stringData"])


def test_the_configuration_is_the_services(tmp_path):
    """It is taken as it is, lies where the command looks, and its files lie where volumes are mounted."""
    (name, text), *more = MANIFESTS["configmap"]["data"].items()
    assert not more
    (tmp_path / name).write_text(text)
    settings, _ = settings_of(tmp_path / name, None, {}, {})
    mounts = {each["name"]: each["mountPath"] for each in CONTAINER["volumeMounts"]}
    assert CONTAINER["args"] == ["serve", "--config", f"{mounts['configuration']}/{name}"]
    assert settings.config.state.url.startswith(mounts["state"])
    assert settings.config.http.token_file == f"{mounts['secrets']}/token"
    assert settings.config.http.port == CONTAINER["ports"][0]["containerPort"]
    assert set(mounts) == {each["name"] for each in POD["volumes"]}


def test_probes_ask_what_they_mean():
    """Alive is that the loop goes round; ready is that traffic may come."""
    asked = {name: CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert asked == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}


def test_no_container_may_do_more_than_it_must():
    """No root, no rise in privileges, no capability, no file of the image written."""
    assert POD["securityContext"]["runAsNonRoot"]
    for container in (*POD["initContainers"], *POD["containers"]):
        locked = container["securityContext"]
        assert locked["readOnlyRootFilesystem"] and not locked["allowPrivilegeEscalation"]
        assert locked["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
