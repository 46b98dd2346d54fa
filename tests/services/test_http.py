"""What the service answers over HTTP: a real server on loopback, beside a loop that learns."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamimb.batch import Batch
from streamimb.config import Config
from streamimb.errors import ConfigError
from streamimb.metrics import Exporter, Page
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Label, Schema
from streamimb.service_config import HttpConfig
from streamimb.serving import COMPILED, Busy, Hub, Recorder
from streamimb.serving.hub import QUESTIONS_MAX
from streamimb.testing import digest
from streamimb_services.http import guard
from streamimb_services.http.app import Service, make_app
from streamimb_services.http.explaining import Explaining
from streamimb_services.http.live import Live
from streamimb_services.http.server import listening, read_token
from streamimb_services.serve_levers import carry_out

TOKEN = b"a-token-of-some-length"
WITH_TOKEN = {"authorization": f"Bearer {TOKEN.decode()}"}
SCHEMA = Schema(
    features=[Feature(name="x"), Feature(name="shop", type="categorical")],
    label=Label(classes=["legit", "fraud"]),
)


EXECUTOR = ThreadPoolExecutor(1, "explain")


@dataclass
class Running:
    service: Service
    pipeline: Pipeline
    saved: dict
    url: str

    @property
    def hub(self):
        return self.service.hub


def made(*, token=TOKEN, http=None, learned=600, model="linear"):
    config = Config(
        http={"port": 0, **(http or {})}, control={"every": 50, "objective": "f1"},
        learner={"model": model, "parameters": {"slots": 64} if model == "linear" else {}},
    )  # fmt: skip
    pipeline = Pipeline(SCHEMA, config)
    exporter = Exporter(SCHEMA, config, version="0", wall=time.time)
    hub = Hub(clock=time.monotonic)
    page = Page(exporter.values, clock=time.monotonic)
    recorder = Recorder(SCHEMA, exporter.values, title="t", by_events=False, wall=time.time, clock=time.monotonic)
    live = Live(recorder, dict, connections_max=config.http.connections_max)
    explaining = Explaining(hub, EXECUTOR, clock=time.monotonic, failed=print)
    explaining.look_on(pipeline)
    pipeline.process(batch_of(learned))
    return Service(SCHEMA, config, hub, exporter, page, "0", token, live, explaining), pipeline


def batch_of(n, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.2).astype(np.int16)
    X = np.stack([y * 3 + rng.normal(size=n), rng.integers(0, 9, n)], axis=1)
    return Batch.of(X.astype(np.float32), y)


@contextmanager
def running(*, attach=True, **changes):
    """A server, and a pipeline that nobody drives: whoever asks answers himself."""
    service, pipeline = made(**changes)
    if attach:
        service.hub.attach("topic", pipeline, role="owner", checkpoint="ckpt-7")
        service.hub.check("restored", True)
    with listening(service) as port:
        yield Running(service, pipeline, {}, f"http://127.0.0.1:{port}")


@contextmanager
def driven(run, *, learn=True):
    """The loop beside it: it learns, answers, carries out levers."""
    stop = threading.Event()

    def loop():
        seed = 0
        with run.hub.loop():
            while not stop.is_set():
                seed += 1
                if learn:
                    run.pipeline.process(batch_of(100, seed))
                run.hub.turn()
                for request in run.hub.take_levers():
                    carry_out(request, run.pipeline, lambda unit, name: run.saved[name], lambda unit, action: None)
                with run.hub.idle():
                    time.sleep(0.001)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """No client's patience is spent on a compiler, whichever tests came before."""
    with running() as run:
        for asked in ({"x": 4.0, "shop": "a"}, [{"x": 4.0, "shop": "a"}, {"x": "high"}]):
            httpx.post(f"{run.url}/predict", json=asked, timeout=300)


def test_one_event_and_many_are_predicted():
    """Scores, decision and threshold of each, with its place; and what answered."""
    with running() as run:
        one = httpx.post(f"{run.url}/predict", json={"x": 4.0, "shop": "a"})
        many = httpx.post(f"{run.url}/predict", json=[{"x": 4.0, "shop": "a"}, {"x": -1.0}])
    assert one.status_code == many.status_code == 200
    assert one.json()["predictions"] == many.json()["predictions"][:1]
    told = many.json()
    assert [p["decision"] for p in told["predictions"]] == ["fraud", "legit"]
    assert sum(told["predictions"][0]["scores"].values()) == pytest.approx(1)
    assert told["model"].items() >= {"unit": "topic", "role": "owner", "position": 600, "checkpoint": "ckpt-7"}.items()


def test_refused_events_are_named_and_the_others_answered():
    """An event that the stream would refuse is refused here, with its place, reason and field."""
    events = [{"x": "high"}, {"x": 1.0}, {"x": 1e39}, 7]
    with running() as run:
        told = httpx.post(f"{run.url}/predict", json=events)
        none = httpx.post(f"{run.url}/predict", json=events[:1])
    assert [p["index"] for p in told.json()["predictions"]] == [1]
    assert [(r["index"], r["reason"], r["field"]) for r in told.json()["refused"]] == [
        (0, "wrong_type", "x"), (2, "out_of_range", "x"), (3, "not_object", None)
    ]  # fmt: skip
    assert (none.status_code, none.json()["predictions"]) == (422, [])


@pytest.mark.parametrize("model", ["linear", "blend"])
def test_asking_leaves_no_trace(model):
    """Whatever is asked, no bit of the state changes."""
    with running(model=model) as run:
        before = digest(run.pipeline.state())
        for body in (b'{"x": 1}', b"[{}]", b'[{"x": NaN}]', b"{"):
            httpx.post(f"{run.url}/explain", content=body)
            httpx.post(f"{run.url}/predict", content=body)
        httpx.get(f"{run.url}/model")
        httpx.get(f"{run.url}/metrics")
        assert digest(run.pipeline.state()) == before


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b" ", 400), (b"[]", 400), (b"[", 400), (b"[1,]", 400), (b"{", 422), (b"\xff", 422),
        (b'"text"', 422), (b"[" * 100_000, 400), (b'{"x": NaN}', 422), (b'{"x": 1e999}', 422), (b"null", 422),
        (b"[{}," * 5_000 + b"{}]", 400),
    ],
)  # fmt: skip
def test_malformed_bodies(body, status):
    """Each gets a status and JSON that says what was wrong; the next request is answered as ever."""
    with running() as run:
        told = httpx.post(f"{run.url}/predict", content=body)
        assert told.status_code == status
        assert ("error" in told.json() and "todo" in told.json()) or told.json()["refused"]
        assert httpx.post(f"{run.url}/predict", json={"x": 1.0}).status_code == 200


def test_a_body_that_is_too_large_is_refused():
    """With its length announced, and without."""
    with running(http={"body_bytes_max": 1_000}) as run:
        assert httpx.post(f"{run.url}/predict", content=b" " * 1_001).status_code == 413
        assert httpx.post(f"{run.url}/predict", content=iter([b" " * 600] * 2)).status_code == 413
        assert httpx.post(f"{run.url}/predict", content=b'{"x": 1}' + b" " * 992).status_code == 200


def test_a_slow_client_is_given_up(monkeypatch):
    """A body that does not come ends in 408; others are answered meanwhile."""
    monkeypatch.setattr(guard, "BODY_S", 0.3)
    with running() as run, socket.create_connection(("127.0.0.1", int(run.url.rsplit(":")[-1]))) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{")
        assert httpx.post(f"{run.url}/predict", json={"x": 1.0}).status_code == 200
        slow.settimeout(10)
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401), ({"authorization": "Bearer wrong"}, 401), ({"authorization": "Basic abc"}, 401),
        ({"authorization": f"Bearer {TOKEN.decode()}x"}, 401), ({"authorization": "Bearer"}, 401), (WITH_TOKEN, 200),
    ],
)  # fmt: skip
def test_control_always_asks_for_the_token(headers, status):
    """On loopback, too; nothing is pulled without it."""
    with running() as run, driven(run, learn=False):
        assert httpx.post(f"{run.url}/control/freeze", headers=headers).status_code == status
        assert run.pipeline.book.frozen == (status == 200)


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        (TOKEN, {}, 200), (TOKEN, WITH_TOKEN, 200), (TOKEN, {"authorization": "Bearer wrong"}, 401),
        (TOKEN, {"authorization": "Basic abc"}, 401), (None, {"authorization": "Bearer any"}, 200),
    ],
)  # fmt: skip
def test_a_token_that_is_given_must_be_right(token, headers, status):
    """On loopback none is needed, but a wrong one is told where it is tried first."""
    with running(token=token) as run:
        for path in ("/predict", "/explain"):
            assert httpx.post(f"{run.url}{path}", json={"x": 1.0}, headers=headers).status_code == status
        assert httpx.get(f"{run.url}/model", headers=headers).status_code == status


def test_without_a_token_configured_no_lever_is_pulled():
    """No token is not an open door."""
    with running(token=None) as run:
        told = httpx.post(f"{run.url}/control/freeze", headers=WITH_TOKEN)
    assert (told.status_code, told.json()["todo"]) == (403, "set http.token_file to a file that holds one")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/model", "/levers", "/predict", "/explain"])
def test_elsewhere_than_on_loopback_everything_but_health_and_metrics_asks_for_the_token(path):
    """Asked of the application as it is made for such a binding."""
    service, pipeline = made()
    service.hub.attach("topic", pipeline, role="owner", checkpoint=None)
    service.hub.check("restored", True)
    method = "POST" if path in ("/predict", "/explain") else "GET"

    async def ask(headers):
        transport = httpx.ASGITransport(make_app(service, loopback=False))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, headers=headers, content=b'{"x": 1}')

    import asyncio

    assert asyncio.run(ask({})).status_code == (200 if path in ("/livez", "/readyz", "/metrics") else 401)
    assert asyncio.run(ask(WITH_TOKEN)).status_code == 200


def test_a_token_is_demanded_where_it_is_needed(tmp_path):
    """Bound elsewhere without one, too short a one, and one that is not there end the start."""
    short = tmp_path / "short"
    short.write_text("abc\n")
    for config in (
        HttpConfig(host="0.0.0.0"), HttpConfig(token_file=str(short)), HttpConfig(token_file=str(tmp_path / "none"))
    ):  # fmt: skip
        with pytest.raises(ConfigError):
            read_token(config)
    (tmp_path / "token").write_bytes(TOKEN + b"\n")
    assert read_token(HttpConfig(host="0.0.0.0", token_file=str(tmp_path / "token"))) == TOKEN
    assert read_token(HttpConfig()) is None


def test_health_follows_the_loop():
    """Ready once every condition holds, with their names; draining is not ready, and still alive."""
    with running(attach=False) as run:
        assert httpx.get(f"{run.url}/readyz").status_code == 503
        run.hub.check("restored", True)
        run.hub.check("not draining", True)
        assert httpx.get(f"{run.url}/readyz").status_code == 200
        run.hub.check("not draining", False)
        told = httpx.get(f"{run.url}/readyz?verbose")
        assert (told.status_code, told.json()["checks"]) == (503, {"restored": True, "not draining": False})
        assert httpx.get(f"{run.url}/livez").status_code == 200


def test_a_loop_that_stands_still_is_not_alive():
    """Alive is who ticked lately."""
    now = [0.0]
    hub = Hub(clock=lambda: now[0])
    assert hub.alive
    now[0] = 61.0
    assert not hub.alive
    hub.turn()
    assert hub.alive


def test_a_process_that_compiles_is_alive():
    """The loop is not to tick meanwhile, however long that takes; it is not ready."""
    clock = [0.0]
    hub = Hub(clock=lambda: clock[0])
    hub.check(COMPILED, False)
    clock[0] = 1e6
    assert hub.alive and not hub.ready
    hub.check(COMPILED, True)
    assert not hub.alive


@pytest.mark.parametrize("path", ["/predict", "/explain", "/levers", "/control/freeze"])
def test_a_process_that_compiles_is_asked_again_later(path):
    """Nothing is wrong with the request: 503 and when to come again, not a conflict."""
    with running(attach=False) as run:
        run.hub.check(COMPILED, False)
        method = "GET" if path == "/levers" else "POST"
        body = b"" if path.startswith("/control") else b'{"x": 1}'
        told = httpx.request(method, f"{run.url}{path}", content=body, headers=WITH_TOKEN)
    assert (told.status_code, told.headers["retry-after"]) == (503, "1")
    assert "compiles" in told.json()["error"]


def test_metrics_are_scraped():
    """As Prometheus' own client reads them; asking to predict is counted."""
    with running() as run:
        httpx.post(f"{run.url}/predict", json=[{"x": 1.0}] * 3)
        httpx.post(f"{run.url}/predict", content=b"[")
        told = httpx.get(f"{run.url}/metrics")
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    values = {
        (s.name, *s.labels.values()): s.value for f in text_string_to_metric_families(told.text) for s in f.samples
    }
    assert values["streamimb_predict_events_total",] == 3
    assert values["streamimb_predict_requests_total", "answered"] == 1
    assert values["streamimb_predict_requests_total", "refused"] == 1
    assert values["streamimb_ready",] == 1


def test_what_runs_is_told():
    """The model's page: versions, learner, thresholds, weights, checkpoint."""
    with running() as run:
        told = httpx.get(f"{run.url}/model").json()
    unit = told["units"]["topic"]
    assert (told["learner"], told["positive"], unit["role"], unit["checkpoint"]) == (
        "linear",
        "fraud",
        "owner",
        "ckpt-7",
    )
    assert sum(unit["thresholds"].values()) == pytest.approx(1)


def test_two_hundred_at_once_are_answered_while_the_loop_learns():
    """All are answered, right, and the loop goes on."""
    with running(http={"connections_max": 500}) as run, driven(run):
        before = run.pipeline.store.next_position
        # A client of its own for each would read the machine's certificates two hundred times.
        no_bound = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        with httpx.Client(timeout=60, limits=no_bound) as client, ThreadPoolExecutor(200) as pool:
            told = list(pool.map(lambda i: client.post(f"{run.url}/predict", json=[{"x": float(i)}] * 3), range(200)))
        assert {t.status_code for t in told} == {200}
        assert {len(t.json()["predictions"]) for t in told} == {3}
        assert run.pipeline.store.next_position > before


def test_questions_beyond_the_bound_are_turned_away():
    """A loop that does not come round has so many waiting and no more."""
    hub = Hub(clock=time.monotonic)
    _, pipeline = made()
    hub.attach("topic", pipeline, role="owner", checkpoint=None)
    with hub.loop():
        asked = [hub.predict("topic", np.zeros((1, 2), np.float32)) for _ in range(QUESTIONS_MAX)]
        with pytest.raises(Busy):
            hub.predict("topic", np.zeros((1, 2), np.float32))
        assert not any(future.done() for future in asked)
    assert all(future.done() for future in asked)


def test_unknown_paths_and_methods_are_told_in_json():
    """Nothing is answered with a page of HTML."""
    with running() as run:
        assert httpx.get(f"{run.url}/nothing").json()["error"] == "/nothing: no such path"
        assert httpx.get(f"{run.url}/predict").status_code == 405


def test_an_answer_does_not_wait_for_an_acknowledgement():
    """On a connection that stays, no answer takes the 40 ms that Nagle's algorithm and a late ACK cost together."""
    with running() as run, httpx.Client() as client:
        seconds = []
        for _ in range(20):
            begun = time.perf_counter()
            assert client.post(f"{run.url}/predict", json={"x": 1.0}).status_code == 200
            seconds.append(time.perf_counter() - begun)
    assert min(seconds[1:]) < 0.035


def test_a_port_that_is_taken_ends_the_start():
    """With a message, and the exit code of a configuration that cannot be used."""
    with running() as run:
        service, _ = made(http={"port": int(run.url.rsplit(":")[-1])})
        with pytest.raises(ConfigError, match="cannot be listened on"), listening(service):
            pass
