"""Every panel's and every alert's expression on a real Prometheus that scrapes the real service on the real broker."""

import re
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


def operands(expr):
    """What ``and`` and ``or`` join, without the brackets that are left of joining."""
    parts = re.split(r" and on \([^)]*\) | or ", expr)
    opened = [part.count("(") - part.count(")") for part in parts]
    return [part[n:] if n > 0 else part[: len(part) + n] for n, part in zip(opened, parts, strict=True)]


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
    for part in operands(expr):
        assert within_the_first_minute(live, lambda part=part: live.finite(part)), part


def test_a_healthy_service_alarms_nobody(live):
    """Of all alerts none but the news of a drift is raised."""
    assert live.ask('count(ALERTS{alertname!="StreamimbMinorityProportionDrift", alertstate="firing"})') == []


def test_operands_are_told_apart():
    """Each stands alone."""
    assert operands("(a and on (job) sum(b)) or c") == ["a", "sum(b)", "c"]
    assert operands("(a or f(b))") == ["a", "f(b)"]
