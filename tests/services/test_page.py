"""The live page in a real browser, beside a real server and a pipeline that learns."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from streamimb.batch import Batch
from streamimb.config import Config
from streamimb.metrics import Exporter, Page
from streamimb.outcome import Signal
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Label, Schema
from streamimb.serving import Hub, Recorder
from streamimb_services.http.app import Service
from streamimb_services.http.explaining import Explaining
from streamimb_services.http.live import Live
from streamimb_services.http.server import listening

SCHEMA = Schema(features=[Feature(name="x")], label=Label(classes=["legit", "fraud"]))
TOKEN = b"a-token-of-some-length"
BYTES_MAX = 200_000
PAINT_MS_MAX = 1_000
PAINTED = "performance.getEntriesByName('first-contentful-paint').length > 0"
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
#: A browser on two busy cores may be slow; what it must reach, it reaches within so many milliseconds.
PATIENCE_MS = 20_000
#: What stands where there is no value.
NONE = "\N{EN DASH}"
#: Where explanations are worked out, for all streams of the module.
EXECUTOR = ThreadPoolExecutor(1, "explain")


class Stream:
    """A pipeline whose page is served; it learns when it is told to."""

    def __init__(self, *, by_events=False, token=None, host="127.0.0.1", port=0, schema=SCHEMA):
        self.config = Config(
            http={"port": port, "host": host}, control={"every": 50, "objective": "f1"}, evaluation={"every": 100},
            learner={"model": "linear", "parameters": {"slots": 64}},
        )  # fmt: skip
        self.pipeline = Pipeline(schema, self.config)
        self.exporter = Exporter(schema, self.config, version="0", wall=time.time, gauges_s=0.0)
        self.recorder = Recorder(
            schema, self.exporter.values, title="payments", by_events=by_events, wall=time.time, clock=time.monotonic
        )
        hub = Hub(clock=time.monotonic)
        self.live = Live(self.recorder, lambda: {"alive": True, "ready": True}, connections_max=256)
        page = Page(self.exporter.values, clock=time.monotonic)
        self.explaining = Explaining(hub, EXECUTOR, clock=time.monotonic, failed=print)
        self.explaining.look_on(self.pipeline)
        hub.attach("u", self.pipeline, role="owner", checkpoint=None)
        self.service = Service(schema, self.config, hub, self.exporter, page, "0", token, self.live, self.explaining)
        self.exporter.role("owner")
        for each in (self.exporter, self.recorder):
            each.begins("u", self.pipeline)
        self._seed = 0

    def learn(self, n=300, share=0.2, effect=2):
        self._seed += 1
        rng = np.random.default_rng(self._seed)
        y = (rng.random(n) < share).astype(np.int16)
        X = (y * effect + rng.normal(size=n)).astype(np.float32)[:, None]
        self._tell(self.pipeline.process(Batch.of(X, y)))
        self.exporter.values.add("events_consumed_total", n)

    def drift(self):
        """A drift, at the present position."""
        outcome = self.pipeline.process(Batch.of(np.zeros((0, 1), np.float32), np.zeros(0, np.int16)))
        position = self.pipeline.store.next_position
        outcome.signals.append(Signal(position, 0, "recall", "adwin", "fraud", "drift", 0.41, 0.82, "adjust"))
        self._tell(outcome)

    def _tell(self, outcome):
        for each in (self.exporter, self.recorder):
            each.processed("u", self.pipeline, outcome)


@contextmanager
def served(learned=900, **more):
    stream = Stream(**more)
    if learned:
        stream.learn(learned)
    with listening(stream.service) as port:
        stream.port, stream.url = port, f"http://127.0.0.1:{port}"
        yield stream


@pytest.fixture
def opened(chromium):
    """Opens a page; what it asked for and what it complained of is at hand."""
    contexts = []

    def open_page(url, width=1280, height=800, **more):
        context = chromium.new_context(viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.requested, page.complaints = [], []
        page.on("request", lambda request: page.requested.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


def shown(page):
    page.wait_for_selector("#main[aria-busy=false]")
    page.wait_for_selector("#quality tr")
    return page


def says(page, where, what):
    """Wait until a part of the page says so: scripts of ours may not be made there, so it is asked from here."""
    page.locator(where, has_text=what).wait_for()


def fact(page, name):
    return (
        page.locator("#facts div", has=page.locator("dt", has_text=re.compile(f"^{name}$"))).locator("dd").inner_text()
    )


def test_the_page_says_what_a_scrape_says(opened):
    """Recall, precision, share, weight and threshold of the positive class, G-mean and PR-AUC are the metrics'."""
    with served() as stream:
        page = shown(opened(stream.url))
        numbers = stream.exporter.values.numbers
        row = page.locator("#quality tr").first.inner_text()
        for name in ("recall", "precision"):
            assert f"{numbers[name]['fraud',]:.3f}" in row
        assert page.locator("#quality th").first.inner_text() == "fraud"
        balance = page.locator("#balance tr").first.inner_text().split("\t")
        assert balance[0] == "fraud"
        assert float(balance[1].rstrip(" %")) == pytest.approx(
            100 * numbers["class_ratio"]["fraud", "rarest"], abs=0.06
        )
        assert float(balance[4]) == pytest.approx(numbers["class_weight"]["fraud",], rel=0.01)
        assert balance[5] == f"{numbers['decision_threshold']['fraud',]:.3f}"
        assert fact(page, "G-mean").strip() == f"{numbers['g_mean'][()]:.3f}"
        assert fact(page, "PR-AUC").strip() == f"{numbers['pr_auc'][()]:.3f}"
        assert page.locator("#state").inner_text() == "learning"
        assert page.complaints == []
        told = httpx.get(f"{stream.url}/metrics").text
        assert f'streamimb_recall{{class="fraud"}} {numbers["recall"]["fraud",]}' in told


def test_the_page_follows_the_stream(opened):
    """What is learned while it is open is shown, in numbers and in charts."""
    with served() as stream:
        page = shown(opened(stream.url))
        stream.learn(600)
        says(page, "#facts", "1,500")
        assert page.locator("#charts figure").count() == 8
        label = page.locator(".plot").nth(2).get_attribute("aria-label")
        assert f"fraud {stream.exporter.values.numbers['recall']['fraud',]:.3f}" in label


def test_a_drift_is_marked(opened):
    """A drift appears in the table with what was done, and as a mark over every chart."""
    with served() as stream:
        page = shown(opened(stream.url))
        stream.drift()
        page.wait_for_selector("#happened .drift")
        row = page.locator("#happened tr").first.inner_text()
        assert "recall of fraud" in row
        assert "0.820 → 0.410" in row
        assert "weights renewed at once" in row
        amount = """() => {
          const [r, g, b] = getComputedStyle(document.querySelector('.drift')).color.match(/\\d+/g).map(Number);
          const canvas = document.querySelector('.plot canvas');
          const all = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          let n = 0;
          for (let i = 0; i < all.length; i += 4) n += all[i] === r && all[i + 1] === g && all[i + 2] === b;
          return n;
        }"""
        end = time.monotonic() + PATIENCE_MS / 1000
        while page.evaluate(amount) <= 5:
            assert time.monotonic() < end
            page.wait_for_timeout(100)


def test_a_pause_holds(opened):
    """While paused nothing moves; afterwards the page is where the stream is."""
    with served() as stream:
        page = shown(opened(stream.url))
        page.click("#pause")
        assert page.locator("#pause").get_attribute("aria-pressed") == "true"
        before = page.locator("#main").inner_text()
        ticks = stream.live.ticks
        stream.learn(600)
        while stream.live.ticks < ticks + 3:
            time.sleep(0.05)
        assert page.locator("#main").inner_text() == before
        assert "paused" in page.locator("#note").inner_text()
        page.click("#pause")
        says(page, "#facts", "1,500")


def scale(page):
    """From where to where the charts go, in events."""
    return page.evaluate("document.querySelector('.plot').chart.scales.x")


def test_windows_and_zoom_choose_what_is_seen(opened):
    """A window of the last events, a stretch that is dragged out, all of it again; by keys too."""
    with served(learned=0, by_events=True) as stream:
        for _ in range(40):
            stream.learn(1_000)
        ticks = stream.live.ticks
        while stream.live.ticks == ticks:  # the last row is taken by a tick
            time.sleep(0.05)
        page = shown(opened(stream.url))
        assert (scale(page)["min"], scale(page)["max"]) == (100, 40_000)
        page.get_by_role("radio", name="last 20 k events").check()
        assert scale(page)["min"] == pytest.approx(20_000, abs=200)
        page.get_by_role("radio", name="all").check()
        box = page.locator(".plot .u-over").first.bounding_box()
        page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40, steps=4)
        page.mouse.up()
        assert scale(page)["min"] == pytest.approx(10_000, abs=500)
        assert scale(page)["max"] == pytest.approx(20_000, abs=500)
        page.click("#whole")
        assert scale(page)["max"] == 40_000
        page.locator(".plot").nth(3).focus()
        page.keyboard.press("+")
        assert scale(page)["min"] > 5_000
        page.keyboard.press("Escape")
        assert scale(page)["min"] == 100
        assert page.complaints == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (768, 1024), (1920, 1080)])
def test_nothing_is_cut_off(opened, width, height):
    """No width scrolls sideways; on a desk all of it is on one screen, on a phone in one column, in order."""
    with served() as stream:
        for _ in range(12):
            stream.drift()
        page = shown(opened(stream.url, width, height))
        page.wait_for_selector("#happened .drift")
        wide, high = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert wide <= width
        boxes = [
            page.locator(f".{name}").bounding_box() for name in ("quality", "happened", "charts", "balance", "rejects")
        ]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        if width >= 1000:
            assert high <= height
            assert all(box["y"] + box["height"] <= height for box in boxes)
            assert page.locator(".plot").last.bounding_box()["height"] >= 100
        if width == 390:
            assert [box["y"] for box in boxes] == sorted(box["y"] for box in boxes)
            assert len({round(box["x"]) for box in boxes}) == 1


def test_the_page_is_small_and_asks_nobody_else(opened):
    """Everything comes from this server, in under 200 kB; the policy forbids the rest."""
    with served() as stream:
        page = shown(opened(stream.url))
        asked = set(page.requested)
        assert len(asked) > 8
        assert all(url.startswith((f"{stream.url}/", "data:")) for url in asked)
        files = [url for url in asked if url.startswith(stream.url) and not url.endswith("/events")]
        assert sum(len(httpx.get(url).content) for url in files) < BYTES_MAX
        policy = httpx.get(stream.url).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
        assert page.complaints == []
        paints = [page.evaluate(FIRST_PAINT)]
        for _ in range(4):  # the best of them: a busy machine is not the page's doing
            page.reload()
            page.wait_for_function(PAINTED)
            paints.append(page.evaluate(FIRST_PAINT))
        assert min(paints) < PAINT_MS_MAX


def test_everything_is_reached_by_keys(opened):
    """Tab goes through the window, pause, the table, every chart and both lists, and what has the focus is seen."""
    with served() as stream:
        page = shown(opened(stream.url))
        reached = []
        for _ in range(20):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(
                "(e => e.id || e.className || e.name || e.textContent)(document.activeElement)"
            ))  # fmt: skip
            outline = page.evaluate(
                "(e => getComputedStyle(e.name === 'window' ? e.parentNode : e).outlineStyle)(document.activeElement)"
            )
            assert outline == "solid", reached
            if reached.count("scroll") == 2:
                break
        assert [reached.count(name) for name in ("window", "pause", "Table", "plot", "scroll")] == [1, 1, 1, 8, 2]


def test_what_a_screen_reader_hears(opened):
    """Charts have names that say their values, tables have heads, the state is told when it changes."""
    with served() as stream:
        page = shown(opened(stream.url))
        for plot in page.locator(".plot").all():
            said = plot.get_attribute("aria-label")
            assert re.match(r"[\w ]+: .*\d", said) or said == f"Pace: events/s {NONE}, an event {NONE}"  # none so early
        assert page.locator("table").count() == page.locator("table:has(thead th[scope=col])").count() == 6
        assert page.get_by_role("status").inner_text() == "learning"
        assert page.locator("h1").count() == 1


def test_the_page_comes_back(opened):
    """A service that ends says so, one that is gone is missed, and its successor on the same address is shown."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with served(port=port) as stream:
        page = shown(opened(stream.url))
    says(page, "#state", "ended")
    with served(port=port, learned=300):
        says(page, "#facts", "300")
        says(page, "#state", "learning")


def test_a_token_is_asked_for(opened):
    """Where a token is needed the page holds no number until it is given."""
    with served(token=TOKEN, host="0.0.0.0") as stream:
        page = opened(stream.url)
        page.wait_for_selector("#lock:not([hidden])")
        assert page.locator("#facts").inner_text() == ""
        page.fill("#token", "another-token-of-length")
        page.keyboard.press("Enter")
        page.wait_for_selector("#lock:not([hidden])")
        page.fill("#token", TOKEN.decode())
        page.keyboard.press("Enter")
        shown(page)
        assert fact(page, "events").startswith("900")


def test_without_scripts_there_is_a_table(opened):
    """The page leads to one that is rendered by the server, renews itself, and says the same."""
    with served() as stream:
        stream.drift()
        page = opened(stream.url, java_script_enabled=False)
        page.wait_for_url("**/table")
        text = page.locator("main").inner_text()
        assert f"{stream.exporter.values.numbers['recall']['fraud',]:.3f}" in text
        assert "recall of fraud" in text
        assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "5"


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_features_take_the_place_of_the_charts(opened, width, height):
    """What carries the class is what POST /explain says, with what changed since the last drift; and back again."""
    with served(learned=3_000) as stream:
        stream.learn(6_000, share=0.5, effect=-2)
        page = shown(opened(stream.url, width, height))
        page.get_by_role("button", name="Features").click()
        says(page, "[data-part=now] tr", "x")
        told = httpx.post(f"{stream.url}/explain").json()
        x = told["now"]["features"][0]
        row = page.locator("[data-part=now] tr").inner_text()
        assert f"{x['drop']:.3f}" in row and f"+{x['leaning']:.2f}" in row
        assert f"PR-AUC {told['now']['area']:.3f} on" in page.locator("[data-part=note]").inner_text()
        assert told["drift"]["cause"] + " of" in page.locator("[data-part=since]").inner_text()
        cells = page.locator("[data-part=changed] tr").inner_text().split("\t")
        assert cells[1] == f"{told['drift']['features'][0]['drop']:.3f} → {x['drop']:.3f}"
        assert cells[4] == f"{told['changed'][0]['positives_moved']:.3f}"
        wide, high = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert wide <= width and (width < 1000 or high <= height)
        page.get_by_role("button", name="Features").click()
        assert page.locator("#carried").is_hidden()
        box = page.locator(".plot canvas").first.bounding_box()
        assert box["width"] > 100 and box["height"] > 50
        assert page.complaints == []
        table = httpx.get(f"{stream.url}/table").text
        assert "What carries fraud now" in table and "What changed since the drift of" in table


def test_what_cannot_be_told_is_said(opened):
    """Where there is nothing to explain by, the panel says why."""
    with served(learned=30) as stream:
        page = shown(opened(stream.url))
        page.click("#features")
        says(page, "[data-part=note]", "too few labelled events are known to tell")
        assert "Too few labelled events are known to tell" in httpx.get(f"{stream.url}/table").text


def test_dark_is_dark(opened):
    """The page takes the colours that the reader's system asks for."""
    with served() as stream:
        for scheme, bright in (("light", True), ("dark", False)):
            page = shown(opened(stream.url, color_scheme=scheme))
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, re.findall(r"\d+", colour))) > 384) is bright
