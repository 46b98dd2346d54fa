"""Processes that end with their test, and compiled code that is there before the first of them starts."""

import pytest

from streamimb_services.warming import warm_up
from tests.delivery.world import SCHEMA, config
from tests.system.harness import Plant


@pytest.fixture(scope="session", autouse=True)
def compiled():
    """Two processes that compile the same at once may spoil each other's cache; and no test waits for a compiler."""
    warm_up(SCHEMA, config())


@pytest.fixture
def plant(tmp_path):
    """Makes a plant on a broker; whatever process it started is gone afterwards."""
    made = []

    def make(broker, name="plant", **tables):
        folder = tmp_path / name
        folder.mkdir()
        made.append(Plant(broker, folder, **tables))
        return made[-1]

    yield make
    for each in made:
        each.close()
