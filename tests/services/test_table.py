"""The page as tables, in a real browser and as it is rendered."""

import time

import httpx
import numpy as np
import pytest

from streamimb.batch import Batch
from streamimb.outcome import Signal
from streamimb.serving import COMPILED, Hub
from streamimb_services.serve import standing_of
from tests.services.test_page import opened, served  # noqa: F401  opened is a fixture

#: Cells whose text does not fit, or takes more than one line (rows' heads may).
BROKEN = """() => {
  const lines = (cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return new Set([...range.getClientRects()].map(({ y }) => Math.round(y))).size;
  };
  return [...document.querySelectorAll('main.table :is(thead th, td)')]
    .filter((cell) => !cell.querySelector('svg') && (cell.scrollWidth > cell.clientWidth + 1 || lines(cell) > 1))
    .map((cell) => cell.textContent);
}"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_no_word_is_broken_and_no_column_cut(opened, width, height):  # noqa: F811
    """Each table scrolls by itself, in a region that a keyboard reaches, and its first column stays in sight."""
    with served(learned=2_000) as stream:
        stream.drift()
        page = opened(f"{stream.url}/table", width, height)
        page.wait_for_selector("main.table table")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(BROKEN) == []
        for region in page.locator("main.table .scroll").all():
            assert (region.get_attribute("role"), region.get_attribute("tabindex")) == ("region", "0")
            assert region.get_attribute("aria-label")
        wide = page.locator("main.table .scroll", has_text="microseconds").or_(
            page.locator("main.table .scroll", has_text="interval")
        ).last  # fmt: skip
        head = wide.locator("tbody th").first
        before = head.bounding_box()["x"]
        wide.evaluate("region => { region.scrollLeft = 200; }")
        moved = wide.evaluate("region => region.scrollLeft")
        assert moved > 0 or width > 1000
        assert head.bounding_box()["x"] == pytest.approx(before, abs=1)
        assert page.complaints == []


def test_a_replay_has_no_rows_of_a_service():
    """No role, no records behind, no checkpoint: nobody looks for what a replay does not have."""
    only = ("role", "records behind", "last checkpoint")
    with served() as stream:
        told = httpx.get(f"{stream.url}/table").text
        assert all(f">{name}<" in told for name in only)
    with served(by_events=True) as stream:
        told = httpx.get(f"{stream.url}/table").text
        assert not any(f">{name}<" in told for name in only)
        assert ">wait for a label<" in told


def test_figures_of_quality_say_of_which_events_they_are(opened):  # noqa: F811
    """On the page beside the classes, and in the table, in the same words."""
    with served(learned=950) as stream:
        page = opened(stream.url)
        said = "of the last 900 labelled events up to event 899; measured after 900 events, when 0 waited"
        page.locator("#covered", has_text=said).wait_for()
        assert f"Recall, precision, G-mean and PR-AUC: {said}." in httpx.get(f"{stream.url}/table").text


def test_the_past_is_told_as_the_page_tells_it():
    """A service's rows and marks stand where its clock does, a replay's where its stream does; shares are percent."""
    with served() as stream:
        stream.drift()
        seen = stream.live.ticks
        while stream.live.ticks < seen + 2:
            time.sleep(0.05)
        told = httpx.get(f"{stream.url}/table").text
    today = time.strftime("%Y-%m-%d ", time.gmtime())
    assert f">{today}" in told and ">event 900<" not in told and "when (UTC)" in told
    share = stream.exporter.values.numbers["class_ratio"]["fraud", "rarest"]
    assert told.count(f">{100 * share:.1f} %<") >= 3
    with served(by_events=True) as stream:
        stream.drift()
        told = httpx.get(f"{stream.url}/table").text
    assert ">event 900<" in told and "when (UTC)" not in told


def test_the_same_thing_has_one_name_everywhere(opened):  # noqa: F811
    """What stands at the head of the page are the rows of the table; a signal's subject is one on both."""
    with served() as stream:
        stream.exporter.values.put("last_checkpoint_timestamp_seconds", time.time() - 7_200)
        position = stream.pipeline.store.next_position
        outcome = stream.pipeline.process(Batch.of(np.zeros((0, 1), np.float32), np.zeros(0, np.int16)))
        outcome.signals.append(Signal(position, 0, "missing", "g_test", "x", "drift", 0.3, 0.02, "tell"))
        stream._tell(outcome)
        page = opened(stream.url)
        page.wait_for_selector("#happened .drift")
        heads = page.locator("#facts dt").all_inner_texts()
        told = httpx.get(f"{stream.url}/table").text
        assert len(heads) >= 10 and [head for head in heads if f">{head}<" not in told] == []
        assert page.locator("#facts", has_text="2 h ago").count() == 1 and ">2 h ago<" in told
        assert "missing values of x" in page.locator("#happened").inner_text() and ">missing values of x<" in told


def test_what_is_not_ready_says_what_it_lacks(opened):  # noqa: F811
    """As while it compiles at its first start: whoever is called at night need not ask /readyz."""
    with served() as stream:
        hub = Hub(clock=time.monotonic)
        hub.check("configuration", True)
        hub.check(COMPILED, False)
        stream.live._facts = lambda: standing_of(hub)
        page = opened(stream.url)
        page.locator("#state", has_text="not ready: not yet code compiled").wait_for()
        assert ">not ready: not yet code compiled<" in httpx.get(f"{stream.url}/table").text
        hub.check(COMPILED, True)
        page.locator("#state", has_text="learning").wait_for()
        hub.check("not draining", False)
        page.locator("#state", has_text="stopping").wait_for()
        assert ">stopping<" in httpx.get(f"{stream.url}/table").text
