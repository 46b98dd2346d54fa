"""What POST /explain answers: a real server on loopback, beside a loop that learns."""

import math
import threading
import time
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from streamimb.batch import Batch
from streamimb.explain import Explainer
from streamimb.pipeline import Pipeline
from streamimb.testing import digest
from tests.services.test_http import WITH_TOKEN, batch_of, driven, running

EVENTS = [{"x": 4.0, "shop": "a"}, {"x": -1.0}, {"x": None, "shop": "b"}]
RIVER = "river.tree.HoeffdingTreeClassifier"


@pytest.mark.parametrize("model", ["linear", "tree", "forest", "blend"])
def test_contributions_come_to_the_score_of_predict(model):
    """Of each event base and contributions sum up to the log-odds of the score that /predict answers."""
    with running(model=model) as run:
        told = httpx.post(f"{run.url}/explain", json=EVENTS)
        said = httpx.post(f"{run.url}/predict", json=EVENTS).json()["predictions"]
    assert told.status_code == 200
    told = told.json()
    assert (told["class"], told["unit"], told["model"]["position"]) == ("fraud", "log_odds", 600)
    assert [e["index"] for e in told["explanations"]] == [0, 1, 2]
    for explained, predicted in zip(told["explanations"], said, strict=True):
        score = predicted["scores"]["fraud"]
        assert explained["score"] == score
        assert (explained["decision"], explained["threshold"]) == (predicted["decision"], predicted["threshold"])
        total = explained["base"] + sum(explained["contributions"].values())
        assert total == pytest.approx(math.log(score / (1 - score)), rel=1e-3, abs=1e-3)
    high, low = (e["contributions"] for e in told["explanations"][:2])
    assert high["x"] > 0 > low["x"] and set(high) == {"x", "shop"}


def test_one_event_is_explained_like_many():
    """An object is a list of one; what the stream would refuse is refused with its place."""
    with running() as run:
        one = httpx.post(f"{run.url}/explain", json=EVENTS[0]).json()
        many = httpx.post(f"{run.url}/explain", json=[*EVENTS[:1], {"x": "high"}]).json()
        none = httpx.post(f"{run.url}/explain", json={"x": "high"})
    assert one["explanations"] == many["explanations"]
    assert [(r["index"], r["reason"], r["field"]) for r in many["refused"]] == [(1, "wrong_type", "x")]
    assert (none.status_code, none.json()["explanations"]) == (422, [])


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[", 400), (b"{", 422), (b"\xff", 422), (b"[" * 100_000, 400), (b"null", 422), (b'{"x": 1e39}', 422)],
)
def test_malformed_bodies(body, status):
    """Each gets a status and says what was wrong; the next request is answered as ever."""
    with running() as run:
        told = httpx.post(f"{run.url}/explain", content=body)
        assert told.status_code == status and ("error" in told.json() or told.json()["refused"])
        assert httpx.post(f"{run.url}/explain", json={"x": 1.0}).status_code == 200


def test_requests_are_bounded():
    """By events, by its own key, and by bytes."""
    with running(http={"explain_events_max": 2, "body_bytes_max": 1_000}) as run:
        told = httpx.post(f"{run.url}/explain", json=EVENTS)
        assert (told.status_code, "http.explain_events_max is 2" in told.json()["error"]) == (400, True)
        assert httpx.post(f"{run.url}/explain", content=b" " * 1_001).status_code == 413
        assert httpx.get(f"{run.url}/explain").status_code == 405


def test_what_cannot_be_taken_apart_is_refused_with_what_can():
    """Of a model of river: which learners can, and what is told all the same."""
    with running(model=RIVER) as run:
        told = httpx.post(f"{run.url}/explain", json=EVENTS)
        carried = httpx.post(f"{run.url}/explain").json()
    assert told.status_code == 409
    assert f"{RIVER} cannot be taken apart" in told.json()["error"]
    assert "linear, tree, forest and a blend of these can" in told.json()["error"]
    assert "without events" in told.json()["todo"]
    x, shop = carried["now"]["features"]
    assert x["low"] > 0 and x["drop"] > shop["drop"]
    assert (carried["now"]["unit"], x["leaning"]) == (None, None)


@pytest.mark.parametrize("body", [b"", b" ", b"[]"])
def test_without_events_what_carries_the_class_is_told(body):
    """The feature that tells of the class: its fall with an interval, and to which side it leans."""
    with running() as run:
        told = httpx.post(f"{run.url}/explain", content=body).json()
    assert (told["class"], told["metric"], told["position"], told["drift"], told["changed"]) == (
        "fraud", "pr_auc", 600, None, [],
    )  # fmt: skip
    assert told["remembered"]["positives"] == told["now"]["positives"] >= 100
    assert (told["now"]["position"], told["now"]["unit"]) == (600, "log_odds") and "cause" not in told["now"]
    x, shop = told["now"]["features"]
    assert x["low"] > 0.2 > abs(shop["drop"]) and x["leaning"] > 1 > abs(shop["leaning"])
    assert told["model"].items() >= {"unit": "topic", "role": "owner", "checkpoint": "ckpt-7"}.items()


def test_too_few_events_are_told_as_such():
    """Nothing is made up of less than ten of a class."""
    with running(learned=20) as run:
        told = httpx.post(f"{run.url}/explain").json()
    assert (told["now"], told["events_min"]) == (None, 10)
    assert 0 < told["remembered"]["positives"] < 10


def drifted(run, n=12_000, turn=4_000):
    """Lets the stream turn round: what told of the class tells of the other one; and its share rises."""
    rng = np.random.default_rng(5)
    for seed in range(n // 1_000):
        turned = seed >= turn // 1_000
        y = (rng.random(1_000) < (0.5 if turned else 0.2)).astype(np.int16)
        X = np.stack([(-3 if turned else 3) * y + rng.normal(size=1_000), rng.integers(0, 9, 1_000)], axis=1)
        run.pipeline.process(Batch.of(X.astype(np.float32), y))


def test_what_changed_since_the_last_drift_is_told():
    """What stood at the drift, and what is clearly other now; the state is that of a pipeline that nobody looks at."""
    with running() as run:
        assert httpx.post(f"{run.url}/explain", timeout=30).json()["drift"] is None
        drifted(run)
        told = httpx.post(f"{run.url}/explain", timeout=30).json()  # after the drift's round: one thread, in order
        state = digest(run.pipeline.state())
    assert told["drift"]["cause"] in ("share", "recall") and told["drift"]["class"] in ("fraud", "legit")
    assert 4_600 < told["drift"]["position"] < told["now"]["position"] == 12_600
    assert all(f["moved_p"] is not None for f in told["now"]["features"])
    changed = {c["feature"]: c for c in told["changed"]}
    assert changed["x"]["positives_moved"] > 0.5
    alone = Pipeline(run.pipeline.schema, run.pipeline.config)
    alone.process(batch_of(600))
    drifted(SimpleNamespace(pipeline=alone))
    assert digest(alone.state()) == state


def test_who_asks_again_soon_gets_the_same():
    """It is worked out once for all who ask, and anew only when there is something new and some time has passed."""
    with running() as run, httpx.Client() as client:
        asked = []
        explainer = run.pipeline.observer
        explainer.moment = lambda pipeline: (asked.append(1), Explainer.moment(explainer, pipeline))[1]
        first, second = (client.post(f"{run.url}/explain").json() for _ in range(2))
        run.pipeline.process(batch_of(100))
        third = client.post(f"{run.url}/explain").json()
        assert first["now"] == second["now"] == third["now"] and len(asked) == 1
    assert third["model"]["position"] == 700


def test_learning_goes_on_while_it_is_worked_out(monkeypatch):
    """The loop takes down how things stand and goes on: a slow explanation holds up nothing."""
    entered, leave = threading.Event(), threading.Event()
    tell = Explainer.tell

    def slow(self, moment):
        entered.set()
        leave.wait(30)
        return tell(self, moment)

    monkeypatch.setattr(Explainer, "tell", slow)
    with running() as run, driven(run):
        found = []
        thread = threading.Thread(target=lambda: found.append(httpx.post(f"{run.url}/explain", timeout=30).json()))
        thread.start()
        assert entered.wait(30)
        before = run.pipeline.store.next_position
        end = time.monotonic() + 30
        while run.pipeline.store.next_position < before + 1_000 and time.monotonic() < end:
            assert httpx.post(f"{run.url}/predict", json={"x": 1.0}).status_code == 200
        assert run.pipeline.store.next_position >= before + 1_000
        leave.set()
        thread.join(30)
    assert found[0]["now"]["position"] <= before


def test_a_standby_explains_by_its_checkpoint():
    """With the events that the checkpoint remembers, and how old it is."""
    with running(attach=False) as run:
        assert httpx.post(f"{run.url}/explain").status_code == 409
        assert httpx.post(f"{run.url}/explain", json=EVENTS).status_code == 409
        run.hub.attach("topic", run.pipeline, role="standby", checkpoint="ckpt-8")
        for told in (httpx.post(f"{run.url}/explain").json(), httpx.post(f"{run.url}/explain", json=EVENTS).json()):
            assert (told["model"]["role"], told["model"]["checkpoint"]) == ("standby", "ckpt-8")
            assert 0 <= told["model"]["checkpoint_age_seconds"] < 60
        newer = Pipeline(run.pipeline.schema, run.pipeline.config)
        newer.restore(run.pipeline.state())
        run.service.explaining.look_on(newer)
        newer.process(batch_of(300))
        run.hub.attach("topic", newer, role="standby", checkpoint="ckpt-9")
        assert httpx.post(f"{run.url}/explain").json()["position"] == 900
        assert httpx.post(f"{run.url}/explain?unit=other").status_code == 409


def test_it_is_asked_for_like_predictions():
    """On loopback nobody needs a token; one that is shown does no harm."""
    with running() as run:
        assert httpx.post(f"{run.url}/explain", headers=WITH_TOKEN).status_code == 200
