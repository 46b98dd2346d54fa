"""How much memory the live page takes in a browser that is left open: JavaScript's heap, sampled after a collection.

    python benchmarks/page_memory.py --minutes 60 [--features] http://127.0.0.1:8080/

Looks at a page that is served already, as by `streamimb replay ... --speed 20000 --serve 8080`.
"""

from __future__ import annotations

import argparse
import shutil
import time
from typing import Any, Final

MEGABYTE: Final = 1e6
#: So long the panel of features may be without a row, milliseconds: it is asked for again every 15 seconds.
FEATURES_MS: Final = 120_000
QUIET: Final = ("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking")


def main() -> None:
    """Print a line a sample, then how the second half compares with the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--every", type=float, default=15.0, help="seconds between two samples")
    parser.add_argument("--features", action="store_true", help="open the panel of features, which asks now and then")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[f"--{name}" for name in QUIET]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(options.url)
        page.wait_for_selector("#main[aria-busy=false]")
        if options.features:
            page.click("#features")
            page.wait_for_selector("[data-part=now] tr", timeout=FEATURES_MS)
        used = sample(page, page.context.new_cdp_session(page), options.minutes, options.every)
        browser.close()
    half = len(used) // 2
    first, second = (sum(part) / max(len(part), 1) for part in (used[:half], used[half:]))
    print(f"mean of the first half {first:.2f} MB, of the second {second:.2f} MB")


def sample(page: Any, session: Any, minutes: float, every: float) -> list[float]:
    """Megabytes of heap in use, and nodes of the document, after each collection."""
    session.send("Performance.enable")
    started, used = time.monotonic(), list[float]()
    print("| minutes | heap, MB | nodes | painted first after, ms |\n|---:|---:|---:|---:|")
    while time.monotonic() - started < 60 * minutes:
        page.wait_for_timeout(1000 * every)
        session.send("HeapProfiler.collectGarbage")
        told = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        used.append(told["JSHeapUsedSize"] / MEGABYTE)
        passed = (time.monotonic() - started) / 60
        print(f"| {passed:.1f} | {used[-1]:.2f} | {told['Nodes']:.0f} | {painted:.0f} |", flush=True)
    return used


if __name__ == "__main__":
    main()
