"""Every panel's and every alert's expression on a real Prometheus that scrapes the real service on the real broker."""

import time

import pytest

from tests.deploy.files import panels, rules, sent, uncompared
from tests.deploy.live import running

#: What a fresh start must show by then.
FIRST_MINUTE_S = 60
STEP = "15s"
SHOWN = [
    pytest.param(sent(target["expr"], step=STEP), id=f"{uid}: {panel['title']}: {target['legendFormat']}")
    for uid, panel in panels()
    for target in panel["targets"]
]
SIDES = sorted({uncompared(rule["expr"]) for rule in rules("alert")})


@pytest.fixture(scope="module")
def live(broker, prometheus, tmp_path_factory):
    with running(broker, prometheus, tmp_path_factory.mktemp("live")) as found:
        found.since = time.monotonic()
        yield found


def within_the_first_minute(live, found):
    """What was found, as soon as it is there."""
    while not (told := found()) and time.monotonic() - live.since < FIRST_MINUTE_S:
        time.sleep(1)
    return told


@pytest.mark.parametrize("expr", SHOWN)
def test_no_panel_is_empty_in_the_first_minute(live, expr):
    """A panel's query gives numbers, not only NaN."""
    assert within_the_first_minute(live, lambda: live.finite(expr))


@pytest.mark.parametrize("rule", rules("record"), ids=lambda rule: rule["record"])
def test_every_recorded_name_has_numbers(live, rule):
    """What alerts read is there."""
    assert within_the_first_minute(live, lambda: live.finite(rule["record"]))


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_every_alert_looks_at_something(live, rule):
    """Without its comparisons an alert's expression gives data, and so does each thing that it compares."""
    expr = uncompared(rule["expr"])
    assert within_the_first_minute(live, lambda: live.finite(expr))
    for part in expr.split(" and on "):
        part = part[part.index(")") + 1 :] if part.startswith("(job") else part
        if part.count("(") == part.count(")"):
            assert live.ask(part), part


def test_a_healthy_service_alarms_nobody(live):
    """Of all alerts none but the news of a drift is raised."""
    assert live.ask('count(ALERTS{alertname!="StreamimbMinorityProportionDrift", alertstate="firing"})') == []
