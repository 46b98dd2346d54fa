"""Compile what a service needs, so that its first start takes seconds: `python deploy/warm.py deploy/service.toml`.

What is compiled lies in NUMBA_CACHE_DIR, or beside the sources where that is not set.
"""

import os
import sys
from pathlib import Path

from streamimb_services.serve import settings_of
from streamimb_services.warming import warm_up

MODELS = ("blend", "linear", "forest")


def main(config: Path) -> None:
    """Compile for this configuration, with each of the models that are compiled."""
    for model in MODELS:
        settings, schema = settings_of(config, None, os.environ, {"learner.model": ("warm.py", model)})
        warm_up(schema, settings.config)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
