"""Pages of the documentation that are made from the code: ``python -m streamimb_services.docs PAGE``.

``metrics``, ``configuration`` and ``cli`` go to standard output; a test holds each to its file in ``docs/``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

from streamimb.metrics import as_markdown
from streamimb_services.docs_commands import commands_page
from streamimb_services.docs_configuration import configuration_page

METRICS_HEAD: Final = """# Metrics

What `GET /metrics` says, all of it from the first scrape on. What is undefined is NaN, as recall before the first
positive; the count beside it (`streamimb_window_positives`) says why. Counters count what this process did, not what
the state it was restored from had counted. With a learner a partition, gauges are means over the learners that the
process owns, counts their sums. Five classes, the positive one among them, have series of their own, the others count
as `other`; so does the lag of partitions beyond sixteen. The process metrics of Python's client
(`process_resident_memory_bytes` and the like) are there under their usual names.

Made by `python -m streamimb_services.docs metrics`.

"""

#: A page's name, which is that of its file in docs/, and what makes its text.
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "metrics": lambda: METRICS_HEAD + as_markdown(),
    "configuration": configuration_page,
    "cli": commands_page,
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PAGES:
        sys.exit(f"usage: python -m streamimb_services.docs {'|'.join(PAGES)}")
    sys.stdout.write(PAGES[sys.argv[1]]())
