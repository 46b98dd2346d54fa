"""Pages of the documentation that are made from the code: ``python -m streamimb_services.docs metrics``."""

from __future__ import annotations

import sys

from streamimb.metrics import as_markdown

HEAD = """# Metrics

What `GET /metrics` says, all of it from the first scrape on. What is undefined is NaN, as recall before the first
positive; the count beside it (`streamimb_window_positives`) says why. Counters count what this process did, not what
the state it was restored from had counted. With a learner a partition, gauges are means over the learners that the
process owns, counts their sums. Five classes, the positive one among them, have series of their own, the others count
as `other`; so does the lag of partitions beyond sixteen. The process metrics of Python's client
(`process_resident_memory_bytes` and the like) are there under their usual names.

Made by `python -m streamimb_services.docs metrics`.

"""

if __name__ == "__main__":
    if sys.argv[1:] != ["metrics"]:
        sys.exit("usage: python -m streamimb_services.docs metrics")
    sys.stdout.write(HEAD + as_markdown())
