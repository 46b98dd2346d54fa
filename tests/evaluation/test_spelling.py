"""The texts of categories that no schema lists: known to a person, bounded, the same for any batches."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest

from streamimb.batch import Batch
from streamimb.config import Config, LimitsConfig
from streamimb.decode_columns import Categories
from streamimb.decode_json import JsonDecoder
from streamimb.errors import StateError
from streamimb.evaluation.spelling import TEXT_CHARS_MAX, TEXTS_MAX, TEXTS_OF_FEATURE_MAX, Spelling
from streamimb.pipeline import Pipeline
from streamimb.schema import Feature, Identity, Label, Schema
from streamimb.sources.files import FileSource
from streamimb.testing import digest
from streamimb.text import Cells, Spelled, Text

SHOP = Feature(name="shop", type="categorical")
LABEL = Label(classes=["legit", "fraud"], positive="fraud")


def codes(texts: list[str | None]) -> np.ndarray:
    return Categories(SHOP).of_values(texts).astype(np.float32)[:, None]


def shown(memory: Spelling, feature: int = 0) -> list[str]:
    return list(memory.texts()[feature].values())


def test_texts_are_kept_in_the_order_they_came_under_their_codes():
    """Each once, a missing one not at all."""
    memory, texts = Spelling((SHOP,)), ["toys", None, "food", "toys"]
    memory.update(codes(texts), np.arange(4), Spelled.of({0: texts}, 4))
    assert memory.texts() == {0: {int(codes(["toys"])[0, 0]): "toys", int(codes(["food"])[0, 0]): "food"}}


def test_an_event_of_the_default_is_spelled_as_the_default():
    """A missing category has the default's code."""
    memory = Spelling((SHOP.model_copy(update={"missing": "default", "default": "other"}),))
    memory.update(codes(["other", "food"]), np.arange(2), Spelled.of({0: [None, "food"]}, 2))
    assert shown(memory) == ["other", "food"]


def test_an_empty_text_is_its_own_category():
    """It is not the default, which stands for a text that is absent."""
    memory = Spelling((SHOP.model_copy(update={"missing": "default", "default": "other"}),))
    memory.update(codes(["", "other"]), np.arange(2), Spelled.of({0: ["", None]}, 2))
    assert shown(memory) == ["", "other"]


def test_what_a_terminal_cannot_show_is_left_out():
    """Escapes and line ends become question marks; a long text is cut."""
    memory, texts = Spelling((SHOP,)), ["a\x1b[31m\nb", "x" * 500]
    memory.update(codes(texts), np.arange(2), Spelled.of({0: texts}, 2))
    assert shown(memory) == ["a?[31m?b", "x" * (TEXT_CHARS_MAX - 1) + "…"]


def test_texts_are_bounded_and_the_first_ones_stay():
    """Of one feature, and of many; a state holds no more either."""
    for d, most in ((1, TEXTS_OF_FEATURE_MAX), (8, TEXTS_MAX // 8)):
        memory = Spelling((SHOP,) * d)
        texts = [f"shop {i}" for i in range(most + 500)]
        X = np.repeat(codes(texts), d, axis=1)
        distinct = list(dict.fromkeys(X[:, 0].tolist()))
        memory.update(X, np.arange(len(X)), Spelled.of(dict.fromkeys(range(d), texts), len(X)))
        for j in range(d):
            assert list(memory.texts()[j]) == [int(c) for c in distinct[:most]]
        state = memory.state()
        assert len(state["codes"]) == d * most and len(state["data"]) <= 4 * TEXT_CHARS_MAX * TEXTS_MAX


def test_a_state_goes_on_as_if_never_stopped():
    """A restored memory learns the same further texts, and refuses a state of other features."""
    texts = [f"shop {i % 700}" for i in range(2_000)]
    X, spelled = codes(texts), Spelled.of({0: texts}, 2_000)
    whole, first, second = Spelling((SHOP,)), Spelling((SHOP,)), Spelling((SHOP,))
    whole.update(X, np.arange(2_000), spelled)
    first.update(X, np.arange(300), spelled)
    second.restore(first.state())
    second.update(X, np.arange(300, 2_000), spelled)
    assert digest(second.state()) == digest(whole.state())
    with pytest.raises(StateError, match="1 features"):
        two = Spelling((SHOP, SHOP))
        two.update(np.repeat(X, 2, axis=1), np.arange(2_000), Spelled.of({0: texts, 1: texts}, 2_000))
        second.restore(two.state())


def test_texts_follow_their_rows():
    """Through slices, chosen rows, and batches put together, of which some know no texts."""
    named = Spelled.of({0: Cells(Text.of(["a", "b", "c"]), np.zeros(3, np.bool_))}, 3)
    both = Spelled.concat([None, named.take(slice(1, 3)), Spelled.of({0: ["d"]}, 1)], [2, 2, 1])
    assert [both.text(i, 0) for i in range(5)] == [None, None, "b", "c", "d"]
    assert [both.take(np.array([4, 2])).text(i, 0) for i in range(2)] == ["d", "b"]
    assert Spelled.concat([None, None], [1, 1]) is None and Spelled.of({}, 3) is None


def events(n: int, seed: int = 0) -> list[dict[str, object]]:
    """Alerts come from one kind of shop; an id comes twice now and then, with another shop."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < 0.1
    toys = np.where(y, rng.random(n) < 0.5, rng.random(n) < 0.08)
    names = np.where(toys, "toys [x]", np.char.add("shop ", rng.integers(0, 40, n).astype(str)))
    ids = np.where(rng.random(n) < 0.02, np.arange(n) - 1, np.arange(n))
    return [
        {"id": str(i), "shop": str(s), "amount": float(a), "label": "fraud" if f else "legit"}
        for i, s, a, f in zip(ids, names, rng.normal(size=n), y, strict=True)
    ]


SCHEMA = Schema(features=[SHOP, Feature(name="amount")], label=LABEL, id=Identity(name="id"))
CONFIG = Config(learner={"model": "linear"})


def batches(rows: list[dict[str, object]], size: int) -> list[Batch]:
    decoder = JsonDecoder(SCHEMA, LimitsConfig())
    records = [msgspec.json.encode(row) for row in rows]
    return [
        decoder.decode(records[i : i + size], source="test", offsets=i)[0] for i in range(0, len(records), size)
    ]  # fmt: skip


def test_the_summary_names_the_category():
    """A false alarm's category reads as it does in the file, of NDJSON, CSV and whole pieces of a batch alike."""
    pipeline = Pipeline(SCHEMA, CONFIG)
    for batch in batches(events(12_000), 4_096):
        pipeline.process(batch)
    ranges = [row["range"] for row in pipeline.summary()["false_positives"]]
    assert any("shop = toys [x]" in told for told in ranges), ranges


def test_a_csv_file_names_its_categories(tmp_path):
    """Cells are spelled as they stand, an empty one as none."""
    lines = ["id,shop,amount,label", *(",".join(map(str, row.values())) for row in events(500))]
    path = tmp_path / "events.csv"
    path.write_text("\n".join([*lines, "1000,,1.0,legit"]))
    pipeline = Pipeline(SCHEMA, CONFIG)
    for batch, _ in FileSource(SCHEMA, LimitsConfig(), [path]).batches():
        pipeline.process(batch)
    assert batch.spelled.text(len(batch) - 1, 0) is None
    texts = pipeline.false_positives.state()["texts"]
    assert "toys [x]" in Text(texts["data"], texts["offsets"]).tolist()


def test_batches_are_invisible_to_texts():
    """One decoded batch, small ones, and slices of it, with events that are refused among them: one state."""
    rows = events(3_000)
    digests = set()
    for cut in (batches(rows, 3_000), batches(rows, 7), _slices(batches(rows, 3_000)[0])):
        pipeline = Pipeline(SCHEMA, CONFIG)
        for batch in cut:
            pipeline.process(batch)
        assert pipeline.rejected["duplicate_id"] > 10
        digests.add(digest(pipeline.state()))
    assert len(digests) == 1


def _slices(batch: Batch) -> list[Batch]:
    ends = [0, 1, 50, 51, 999, 2_000, len(batch)]
    return [Batch.concat([batch.slice(a, a), batch.slice(a, b)]) for a, b in itertools.pairwise(ends)]
