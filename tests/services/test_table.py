"""The page as tables, in a real browser and as it is rendered."""

import httpx
import pytest

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
    only = ("role", "records behind", "last checkpoint, seconds ago", "99 % of records learned within")
    with served() as stream:
        told = httpx.get(f"{stream.url}/table").text
        assert all(f">{name}<" in told for name in only)
    with served(by_events=True) as stream:
        told = httpx.get(f"{stream.url}/table").text
        assert not any(f">{name}<" in told for name in only)
        assert ">events that wait for a label<" in told


def test_figures_of_quality_say_of_which_events_they_are(opened):  # noqa: F811
    """On the page beside the classes, and in the table, in the same words."""
    with served(learned=950) as stream:
        page = opened(stream.url)
        said = "of the last 900 labelled events up to event 899; 0 wait for a label; measured after 900 events"
        page.locator("#covered", has_text=said).wait_for()
        assert f"Recall, precision, G-mean and PR-AUC are {said}." in httpx.get(f"{stream.url}/table").text
