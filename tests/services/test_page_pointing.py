"""The live page in a real browser: what a pointer that rests on a chart is told."""

import json
import time

from tests.services.test_page import opened, served, shown  # noqa: F401  opened is a fixture


def test_what_is_pointed_at_stays_told(opened):  # noqa: F811
    """Snapshots that come meanwhile do not put the latest values in its place."""
    captions = "[...document.querySelectorAll('#charts figcaption')].map((caption) => caption.innerText)"
    with served(learned=0, by_events=True) as stream:
        for _ in range(40):
            stream.learn(1_000)
        page = shown(opened(stream.url))
        latest = page.evaluate(captions)
        box = page.locator(".plot .u-over").first.bounding_box()
        page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 40)
        page.wait_for_function(f"JSON.stringify({captions}) !== {json.dumps(json.dumps(latest))}")
        pointed, ticks = page.evaluate(captions), stream.live.ticks
        while stream.live.ticks < ticks + 3:
            time.sleep(0.05)
        page.wait_for_timeout(500)
        assert page.evaluate(captions) == pointed
