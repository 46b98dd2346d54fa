"""Compile what a service needs, so that its first start takes seconds: `python deploy/warm.py CONFIG blend,linear`.

What is compiled lies in NUMBA_CACHE_DIR, or beside the sources where that is not set.
"""

import os
import sys
from pathlib import Path

from streamimb_services.serve import settings_of
from streamimb_services.warming import warm_up


def main(config: Path, models: str) -> None:
    """Compile for this configuration, with each of these models."""
    for model in models.split(","):
        settings, schema = settings_of(config, None, os.environ, {"learner.model": ("warm.py", model)})
        warm_up(schema, settings.config)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
