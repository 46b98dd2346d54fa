"""Write the dashboards: `python deploy/grafana/make.py`, with the extra `dashboards` installed."""

import sys
from pathlib import Path

import imbalance
import overview
import transport
from parts import board

FOLDER = Path(__file__).parent / "dashboards"


def main(folder: Path) -> None:
    """Write every dashboard into a folder, under its uid."""
    for each in (overview, imbalance, transport):
        (folder / f"{each.UID}.json").write_text(board(each.UID, each.TITLE, each.ABOUT, each.ROWS))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
