"""The live page of more than two classes: whose share, training and threshold are drawn."""

import json
import math

import httpx
import numpy as np
import pytest

from streamimb.batch import Batch
from streamimb.metrics.exporter import CLASSES_SHOWN_MAX
from streamimb.schema import Feature, Label, Schema
from tests.services.test_live import events, until
from tests.services.test_page import BYTES_MAX, opened, served, shown  # noqa: F401  opened is a fixture

THREE = Schema(features=[Feature(name="x")], label=Label(classes=["fine", "odd", "rare"], positive="odd"))


def learn(stream, shares, n=2_000):
    rng = np.random.default_rng(1)
    y = rng.choice(len(shares), n, p=shares).astype(np.int16)
    X = (2 * y + rng.normal(size=n)).astype(np.float32)[:, None]
    stream._tell(stream.pipeline.process(Batch.of(X, y)))


def drawn(page, title):
    return page.locator("figure", has=page.locator("h3", has_text=title)).locator(".plot").get_attribute("aria-label")


def test_the_rarest_class_is_drawn_until_a_person_chooses(opened):  # noqa: F811
    """Share, training and threshold are the chosen class's; the choice lasts, and is made by keys too."""
    with served(learned=0, schema=THREE) as stream:
        learn(stream, [0.9, 0.08, 0.02])
        page = shown(opened(stream.url))
        numbers = stream.exporter.values.numbers
        chosen = page.locator("#class")
        assert chosen.input_value() == "rare"
        page.locator("figure .key", has_text="rare now").wait_for()
        page.locator("figure .key", has_text=f"rare {numbers['decision_threshold']['rare',]:.3f}").wait_for()
        chosen.select_option("fine")
        assert f"fine now {100 * numbers['class_ratio']['fine', 'rarest']:.1f} %" in drawn(page, "Share")
        assert f"fine trained {100 * numbers['trained_class_ratio']['fine',]:.1f} %" in drawn(page, "Training")
        assert f"fine {numbers['decision_threshold']['fine',]:.3f}" in drawn(page, "Threshold")
        ticks = stream.live.ticks
        learn(stream, [0.9, 0.02, 0.08])
        page.wait_for_timeout(2_500)
        assert stream.live.ticks > ticks and chosen.input_value() == "fine" and "fine now" in drawn(page, "Share")
        assert page.complaints == []


def test_of_two_classes_there_is_nothing_to_choose(opened):  # noqa: F811
    """The other one's share is what is left."""
    with served() as stream:
        page = shown(opened(stream.url))
        assert page.locator("#of").is_hidden()
        assert drawn(page, "Share").startswith("Share: now ")


@pytest.mark.parametrize("width", [1280, 390])
def test_of_fifty_classes_only_some_are_drawn(opened, width):  # noqa: F811
    """The columns, and with them the bytes of a history, are those of a few; the page's own files stay small."""
    names = [f"a_class_of_a_name_{k}" for k in range(50)]
    schema = Schema(features=[Feature(name="x")], label=Label(classes=names, positive=names[7]))
    with served(learned=0, schema=schema) as stream:
        learn(stream, np.full(50, 0.02), 3_000)
        seen = stream.live.ticks
        until(lambda: stream.live.ticks >= seen + 2)
        [(_, told)] = events(stream, 1)
        assert len(told["classes"]) == CLASSES_SHOWN_MAX and names[7] in told["classes"]
        assert len(told["columns"]) <= 7 + 2 + 11 + 7 * (CLASSES_SHOWN_MAX - 1)
        row = told["rows"][-1]
        assert len(json.dumps(row)) < 10 * len(told["columns"]) and not all(math.isnan(v or 0) for v in row)
        page = shown(opened(stream.url, width, 844))
        assert page.locator("#class option").count() == CLASSES_SHOWN_MAX
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        files = [url for url in set(page.requested) if url.startswith(stream.url) and not url.endswith("/events")]
        assert sum(len(httpx.get(url).content) for url in files) < BYTES_MAX
