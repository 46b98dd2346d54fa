"""Levers over HTTP, beside a loop that learns."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from streamimb.testing import digest
from streamimb_services.http import app
from streamimb_services.serve_levers import carry_out
from tests.services.test_http import WITH_TOKEN, driven, running


def test_levers_are_pulled_while_the_loop_learns():
    """Each is answered with where it took effect, is in the export, and can be pulled back."""
    with running() as run, driven(run):
        run.saved["ckpt-7"] = run.hub.ask("topic", lambda served: served.pipeline.state()).result(30)
        for kind, order in (
            ("freeze", {}), ("resume", {}), ("pin", {"threshold": 0.25}), ("unpin", {}), ("reset", {}),
            ("rollback", {"checkpoint": "ckpt-7"}),
        ):  # fmt: skip
            told = httpx.post(f"{run.url}/control/{kind}", json=order, headers=WITH_TOKEN, timeout=30)
            assert told.status_code == 200, told.text
            assert told.json()["levers"]["topic"]["kind"] == kind
        exported = httpx.get(f"{run.url}/levers").text.splitlines()
        assert len(exported) == 6
        assert '"checkpoint":"ckpt-7"' in exported[-1]


def test_a_lever_that_is_late_ends_nothing(monkeypatch):
    """One that was taken may still take effect, and is answered so; one that was not is pulled no more."""
    monkeypatch.setattr(app, "LEVER_S", 0.3)
    with running() as run:
        told = httpx.post(f"{run.url}/control/freeze", headers=WITH_TOKEN)
        assert (told.status_code, run.hub.take_levers()) == (503, [])
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(httpx.post, f"{run.url}/control/freeze", headers=WITH_TOKEN)
            while not (taken := run.hub.take_levers()):
                time.sleep(0.01)
            assert waiting.result().status_code == 504
        carry_out(taken[0], run.pipeline, lambda unit, name: {}, lambda unit, action: None)
        assert run.pipeline.book.frozen and taken[0].future.result().lever.kind == "freeze"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("melt", b"", 404), ("pin", b"", 400), ("pin", b'{"threshold": 2}', 400), ("pin", b"[" * 100_000, 400),
        ("freeze", b'{"threshold": 0.5}', 400), ("freeze", b'{"what": 1}', 400),
        ("freeze", b"[", 400),
        ("reset", b'{"checkpoint": "x"}', 400),
        ("freeze", b'{"unit": "partition-9"}', 409), ("rollback", b'{"checkpoint": "unheard of"}', 409),
    ],
)  # fmt: skip
def test_orders_that_cannot_be_carried_out_change_nothing(kind, body, status):
    """Each is told what was wrong; no lever is recorded."""
    with running() as run, driven(run, learn=False):
        before = digest(run.pipeline.state())
        told = httpx.post(f"{run.url}/control/{kind}", content=body, headers=WITH_TOKEN)
        assert (told.status_code, digest(run.pipeline.state())) == (status, before), told.text


def test_a_standby_answers_but_pulls_no_lever():
    """It predicts from its checkpoint, saying how old that is; levers belong to the owner."""
    with running(attach=False) as run:
        assert httpx.post(f"{run.url}/predict", json={"x": 1.0}).status_code == 409
        run.hub.attach("topic", run.pipeline, role="standby", checkpoint="ckpt-8")
        told = httpx.post(f"{run.url}/predict", json={"x": 1.0}).json()["model"]
        assert (told["role"], told["checkpoint"]) == ("standby", "ckpt-8")
        assert 0 <= told["checkpoint_age_seconds"] < 60
        assert httpx.post(f"{run.url}/control/freeze", headers=WITH_TOKEN).status_code == 409
