"""A service has its compiled code at hand before it joins, and then listens no more for compiling."""

from __future__ import annotations

import pytest
from numba.core import event

from streamimb.config import Config
from streamimb.schema import Feature, Label, Schema
from streamimb_services import serve

SCHEMA = Schema(features=[Feature(name="x")], label=Label(classes=["legit", "fraud"]))


@pytest.mark.parametrize("fails", [False, True])
def test_nobody_listens_after_the_warm_up(monkeypatch, fails):
    """However it ends: a kernel that is compiled later is no first use of the service."""
    during = []

    def warm_up(schema: Schema, config: Config) -> None:
        during.extend(event._registered["numba:compile"])
        if fails:
            raise ValueError("no such thing")

    before = list(event._registered["numba:compile"])
    monkeypatch.setattr(serve, "warm_up", warm_up)
    try:
        serve.compile_all(SCHEMA, Config(), None)
    except ValueError:
        assert fails
    assert len(during) == len(before) + 1
    assert event._registered["numba:compile"] == before
