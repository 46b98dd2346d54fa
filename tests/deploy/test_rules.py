"""The rules: what Prometheus's own tool says of them, and what every alert has."""

import re
import subprocess

import pytest
import yaml

from tests.deploy.files import DEPLOY, RULES, rules, uncompared

TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
ALERTS = sorted({rule["alert"] for rule in rules("alert")})
EXPECTED = {
    "Down", "Stalled", "LagGrowing", "CheckpointStale", "CheckpointFailing", "RejectRatioHigh", "MinorityRecallLow",
    "PrecisionLow", "AlertRateHigh", "MinorityProportionDrift", "NoMinorityLabels", "LabelDelayHigh", "ResetLoop",
}  # fmt: skip


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def test_prometheus_takes_the_configuration(prometheus):
    """And the rules that it names."""
    told = run(prometheus.tool, "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert (told.returncode, "2 rule files found" in told.stdout) == (0, True), told.stdout + told.stderr


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_hold_on_made_up_series(prometheus, path):
    """Each alert fires when it should, and keeps quiet when it should not."""
    told = run(prometheus.tool, "test", "rules", path)
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_that_is_gone_is_missed(prometheus, alert, tmp_path):
    """The tests of rules fail without it."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    for path in RULES:
        told = yaml.safe_load(path.read_text())
        for group in told["groups"]:
            group["rules"] = [rule for rule in group["rules"] if rule.get("alert") != alert]
        (tmp_path / "rules" / path.name).write_text(yaml.safe_dump(told))
    codes = []
    for path in [path for path in TESTS if alert in path.read_text()]:
        (tmp_path / "tests" / path.name).write_text(path.read_text())
        codes.append(run(prometheus.tool, "test", "rules", tmp_path / "tests" / path.name).returncode)
    assert any(codes)


def test_every_alert_is_there_and_is_tested_both_ways():
    """With a case in which it fires, and one in which it does not."""
    assert {f"Streamimb{name}" for name in EXPECTED} == set(ALERTS)
    seen = set()
    for path in TESTS:
        for case in yaml.safe_load(path.read_text())["tests"]:
            for told in case.get("promql_expr_test", []):
                alert = re.search(r'alertname="(\w+)"', told["expr"])[1]
                seen.add((alert, told["exp_samples"][0]["value"]))
    assert seen == {(alert, fires) for alert in ALERTS for fires in (0, 1)}


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_what_to_do(rule):
    """How bad it is, what it is, and which heading of the runbook says what to do."""
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
    path, _, heading = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (\w+)$", (DEPLOY.parent / path).read_text(), re.M)
    assert heading in [each.lower() for each in headings]
    assert heading == rule["alert"].lower()


def test_the_runbook_knows_no_other_alert():
    """A heading an alert."""
    assert sorted(re.findall(r"^## (\w+)$", (DEPLOY / "runbook.md").read_text(), re.M)) == ALERTS


def test_what_is_compared_is_seen():
    """Comparisons with numbers go, and nothing else does."""
    assert uncompared('a{x="1"} > 5 and on (job) b == 0') == 'a{x="1"} and on (job) b'
    assert uncompared("(a or b) < 1") == "(a or b)"
    assert uncompared("rate(a[5m]) > 0.05") == "rate(a[5m])"
    assert uncompared("a == on (job) min(b)") == "a == on (job) min(b)"
