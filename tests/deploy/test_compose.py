"""compose.yaml: by the schema of compose files, wired, and what it runs is run here against the real broker."""

import importlib.resources
import json
import re
import subprocess
import sys

import jsonschema
import pytest
import yaml

from streamimb.settings import load_settings
from streamimb_services.serve import settings_of
from tests.deploy.files import DEPLOY
from tests.deploy.live import streamimb

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def test_compose_keeps_the_schema_of_compose_files():
    """The one that the compose specification publishes, as the package check-jsonschema brings it."""
    files = importlib.resources.files("check_jsonschema.builtin_schemas")
    schema = json.loads((files / "vendor" / "compose-spec.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(COMPOSE | {"services": {"a": {"imgae": "b"}}})


def test_what_is_named_is_there():
    """Files and folders, volumes, configurations, and whatever a service waits for."""
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], source
        for config in service.get("configs", []):
            assert config["source"] in COMPOSE["configs"]
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy" and other != "streamimb":  # whose image has a check of its own
                assert SERVICES[other]["healthcheck"], f"{name} waits for {other}"
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_ports_are_open_on_loopback_only():
    """Nothing of a trial is reached from elsewhere."""
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_service_takes_its_environment():
    """The sample configuration, with what compose puts over it, is all that the service needs."""
    environment = SERVICES["streamimb"]["environment"]
    settings, _ = settings_of(DEPLOY / "service.toml", None, environment, {})
    assert settings.config.kafka["bootstrap.servers"] == "kafka:9092"
    assert settings.config.http.host == "0.0.0.0"
    assert settings.config.http.token_file == SERVICES["streamimb"]["configs"][0]["target"]
    default = re.fullmatch(r"\$\{STREAMIMB_TOKEN:-(.*)\}", COMPOSE["configs"]["token"]["content"])[1]
    assert len(default) >= 16


def test_prometheus_scrapes_the_service_and_grafana_asks_prometheus():
    """By the names that compose gives them."""
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert jobs[0]["job_name"] == "streamimb" and jobs[0]["static_configs"] == [{"targets": ["streamimb:8080"]}]
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/streamimb.yml").read_text())
    folder = provider["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{folder}:ro" in SERVICES["grafana"]["volumes"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / "grafana" / "dashboards" / home.removeprefix(f"{folder}/")).is_file()


def test_topics_are_made_and_the_producer_feeds_them(broker, tmp_path):
    """Compose's own commands, but for the broker's address and the topics' names, shorter and faster."""
    names = {name: f"{name}-{tmp_path.name}" for name in ("events", "predictions", "signals", "dead-letters")}
    (script,) = SERVICES["topics"]["command"]
    script = script.replace("kafka:9092", broker.bootstrap)
    for name, own in names.items():
        script = script.replace(f'"{name}"', f'"{own}"')
    for _ in range(2):  # a second start finds them there
        assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
    (command,) = SERVICES["producer"]["command"]
    generate, produce = (part.split()[1:] for part in command.split("|"))
    generate[generate.index("--events") + 1] = "250000"
    swapped = {"kafka:9092": broker.bootstrap, "events": names["events"], "200": "2000"}
    swapped["/etc/streamimb/service.toml"] = str(DEPLOY / "service.toml")
    first = streamimb(*generate, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    second = streamimb(
        *[swapped.get(word, word) for word in produce], "--limit", 500,
        stdin=first.stdout, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    first.stdout.close()
    said = second.communicate(timeout=120)[1]
    first.stderr.close()
    first.kill()
    first.wait()
    assert (second.returncode, "500 records" in said) == (0, True), said


def test_the_sample_configuration_is_whole():
    """It can be checked, and its events are those of the stream that compose makes."""
    settings = load_settings(DEPLOY / "service.toml")
    assert list(settings.config.schema_.class_names) == ["legit", "fraud"]
    settings_of(DEPLOY / "service.toml", None, {}, {})
