"""The panel of features in a real browser: which events it tells of, and that it is renewed."""

import re
import time
from dataclasses import replace

import httpx

from streamimb.outcome import Signal
from streamimb_services.http import explaining
from tests.services.test_page import opened, says, served, shown  # noqa: F401  opened is a fixture


def noted(page, part="note"):
    return page.locator(f"[data-part={part}]").inner_text()


def a_drift(stream):
    """A drift at the present position, told to the page and remembered by the pipeline, with no round of its own."""
    position = stream.pipeline.store.next_position
    stream.pipeline.signals.append(
        Signal(position, 0, "recall", "adwin", "fraud", "drift", 0.41, 0.82, "adjust")
    )  # fmt: skip
    stream.drift()


def test_it_says_after_how_many_events_it_was_worked_out(opened):  # noqa: F811
    """On the page, in the table and in the answer alike."""
    with served(learned=2_000) as stream:
        page = shown(opened(stream.url))
        page.get_by_role("button", name="Features").click()
        says(page, "[data-part=note]", "worked out after 2,000 events, at ")
        assert re.search(r"events, at \d\d:\d\d:\d\d: PR-AUC [.\d]+ on [,\d]+ recent labelled events", noted(page))
        assert "worked out after 2,000 events" in httpx.get(f"{stream.url}/table").text
        assert httpx.post(f"{stream.url}/explain").json()["newer_drift"] is None


def test_it_is_renewed_soon_after_a_drift(opened, monkeypatch):  # noqa: F811
    """Without waiting for its usual turn; until then it is said that it is of before the drift."""
    monkeypatch.setattr(explaining, "FRESH_S", 3_600.0)
    monkeypatch.setattr(explaining, "AFTER_DRIFT_S", 3_600.0)
    with served(learned=2_000) as stream:
        page = shown(opened(stream.url))
        page.get_by_role("button", name="Features").click()
        says(page, "[data-part=note]", "after 2,000 events")
        stream.learn(500)
        a_drift(stream)
        says(page, "[data-part=note]", ", before the drift of recall of fraud, ")
        assert "before the drift of recall of fraud, event 2,500" in httpx.get(f"{stream.url}/table").text
        told = httpx.post(f"{stream.url}/explain").json()
        assert (told["now"]["position"], told["newer_drift"]["position"]) == (2_000, 2_500)
        stream.service.explaining._known["u"].until_drift = 0.0  # its two seconds have passed
        says(page, "[data-part=note]", "worked out after 2,500 events")
        assert page.complaints == []


def test_drifts_do_not_keep_a_core_busy():
    """However many come, it is worked out anew only when as much time has passed as bounds it."""
    with served(learned=2_000) as stream:
        first = httpx.post(f"{stream.url}/explain").json()
        for _ in range(5):
            stream.learn(100)
            a_drift(stream)
            told = httpx.post(f"{stream.url}/explain").json()
            assert told["now"] == first["now"] and told["newer_drift"]["position"] > 2_000


def test_at_the_end_of_a_stream_it_is_worked_out_once_more(opened):  # noqa: F811
    """The last snapshot brings it, although nobody can be asked any more."""
    with served(learned=2_000) as stream:
        page = shown(opened(stream.url))
        page.get_by_role("button", name="Features").click()
        says(page, "[data-part=note]", "after 2,000 events")
        stream.learn(400)
    says(page, "#state", "ended")
    says(page, "[data-part=note]", "worked out after 2,400 events")
    page.wait_for_timeout(500)
    assert "2,400" in noted(page) and page.complaints == []


def test_nothing_is_worked_out_at_the_end_for_nobody():
    """A stream that nobody looked on ends without it."""
    with served(learned=2_000) as stream:
        explainer, asked = stream.pipeline.observer, []
        explainer.moment = lambda pipeline: asked.append(1)
        started = time.monotonic()
    assert not asked and time.monotonic() - started < 3


def test_a_drift_that_is_not_explained_is_named(opened):  # noqa: F811
    """Where one came too soon after the one that was, it says so instead of passing it over."""
    with served(learned=3_000) as stream:
        stream.learn(6_000, share=0.5, effect=-2)
        told = httpx.post(f"{stream.url}/explain").json()
        assert told["drift"] is not None
        stream.learn(100)
        a_drift(stream)
        stream.service.explaining._known.clear()
        page = shown(opened(stream.url))
        page.get_by_role("button", name="Features").click()
        says(page, "[data-part=since]", "a later drift of recall of fraud")
        assert "event 9,100, is not explained" in noted(page, "since")
        assert "A later drift of recall of fraud, event" in httpx.get(f"{stream.url}/table").text


def test_what_is_no_more_than_noise_is_zero(opened):  # noqa: F811
    """Neither 8e-16 nor a negative zero is told: not on the page, not in the table, not in the answer."""
    with served(learned=2_000) as stream:
        explainer = stream.pipeline.observer
        tell = explainer.tell

        def noisy(moment):
            now, before = tell(moment)
            feature = replace(now.features[0], drop=-8e-16, low=-4e-4, high=1e-16, leaning=-0.001)
            return replace(now, features=[feature]), before

        explainer.tell = noisy
        page = shown(opened(stream.url))
        page.get_by_role("button", name="Features").click()
        says(page, "[data-part=now] tr", "x")
        row = page.locator("[data-part=now] tr").inner_text().split()
        assert row == ["x", "0.000", ".000\N{EN DASH}.000", "0.00"]
        told = httpx.post(f"{stream.url}/explain").json()["now"]["features"][0]
        assert str(told["drop"]) == str(told["high"]) == "0.0" and told["low"] == -0.0004
        cells = re.findall(r"<td[^>]*>([^<]*)</td>", httpx.get(f"{stream.url}/table").text)
        assert not [cell for cell in cells if re.fullmatch(r"[-+][0.]+", cell) or "e-" in cell]
        one = httpx.post(f"{stream.url}/explain", content=b'{"x": 0.123456789}').json()["explanations"][0]
        assert one["contributions"]["x"] == round(one["contributions"]["x"], 6)
