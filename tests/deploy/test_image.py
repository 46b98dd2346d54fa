"""The image: its Dockerfile as a linter reads it, and its steps run one by one in a clean folder."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, ROOT

DOCKERFILE = DEPLOY / "Dockerfile"
#: What the image of the tests compiles, `--build-arg MODELS=...`: the model that takes least.
MODELS = "linear"


def instructions():
    """The instructions of a Dockerfile: their names, and the rest as one line each."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in whole.splitlines() if line.strip()]


def test_a_linter_has_nothing_to_say():
    """Hadolint, with every rule on."""
    hadolint = Path(sys.executable).parent / "hadolint"
    told = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, "")


def test_the_image_is_run_by_nobody_and_says_how_it_is():
    """A number for a user, exec forms, a check of its own."""
    last = dict(instructions())
    assert last["USER"] == "10001:10001"
    assert last["ENTRYPOINT"] == '["streamimb"]' and last["CMD"].startswith('["serve"')
    assert "/livez" in last["HEALTHCHECK"]
    assert last["STOPSIGNAL"] == "SIGTERM"


class Build:
    """Runs the steps with every absolute path of the image moved into a folder."""

    def __init__(self, folder, **arguments):
        self.folder, self.stage, self.where = folder, 0, "/"
        self.variables, self.arguments = {}, arguments

    def inside(self, text, root=None):
        """The text with the image's own folders moved to where this build has them."""
        # A virtual environment knows where it lies: what both stages have at one path, lies at one place here.
        moved = (root or str(self.folder)).replace("\\", r"\\") + r"/\1"
        return re.sub(r"(?<![\w.\-/:])/(app|src|made|etc/streamimb|var/(?:lib|cache)/streamimb)\b", moved, text)

    def run(self, rest):
        for name, value in self.arguments.items():
            rest = rest.replace(f"${{{name}}}", value)
        words = self.inside(rest, shlex.quote(str(self.folder))).replace(
            "python -m venv", f"{shlex.quote(sys.executable)} -m venv"
        )
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STREAMIMB_", "NUMBA"))
        }
        env = own | self.variables | {"PIP_NO_COMPILE": "1"}  # of each package a part is imported here
        if self.stage > 1:
            env["PATH"] = f"{self.folder}/app/bin:{own['PATH']}"
        cwd = Path(self.inside(self.where))
        done = subprocess.run(["sh", "-c", words], cwd=cwd, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"

    def copy(self, rest):
        *sources, target = [word for word in rest.split() if not word.startswith("--")]
        if "--from=" in rest:  # of the stage before: at the same place already, or moved
            (source,) = map(Path, map(self.inside, sources))
            if source != Path(self.inside(target)):
                shutil.copytree(source, self.inside(target), dirs_exist_ok=True)
            return
        to = Path(self.inside(self.where)) / self.inside(target)
        for source in sources:
            assert seen(source), f"the build does not see {source}"
            at = to / source if target.endswith("/") else to
            at.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, at, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(ROOT / source, at)

    def step(self, name, rest):
        if name == "FROM":
            self.stage, self.where, self.variables = self.stage + 1, "/", {}
        elif name == "ARG":
            name, value = rest.split("=", 1)
            self.arguments.setdefault(name, value)
        elif name == "ENV":
            pairs = dict(word.split("=", 1) for word in shlex.split(rest))
            skipped = ("PATH", "PIP_NO_CACHE_DIR")
            self.variables |= {key: self.inside(value) for key, value in pairs.items() if key not in skipped}
        elif name == "WORKDIR":
            self.where = rest
            Path(self.inside(rest)).mkdir(parents=True)
        elif name == "COPY":
            self.copy(rest)
        elif name == "RUN":
            self.run(rest)


def seen(source):
    """Whether .dockerignore lets a source through: the last pattern that fits decides."""
    answer = True
    for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and fnmatch.fnmatch(source, pattern):
            answer = line.startswith("!")
    return answer


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The image's folders, after all its steps."""
    build = Build(tmp_path_factory.mktemp("image"), MODELS=MODELS)
    for name, rest in instructions():
        build.step(name, rest)
    assert build.stage == 2
    return build


def command(built, *words):
    path = f"{built.folder}/app/bin"
    env = {"PATH": f"{path}:{os.environ['PATH']}", **built.variables}
    return subprocess.run([f"{path}/{words[0]}", *words[1:]], cwd=built.folder, env=env, capture_output=True, text=True)


def test_the_steps_make_a_program_that_runs(built):
    """Without the tree it was made of; its configuration is the sample."""
    told = command(built, "streamimb", "check-config", "--offline", f"{built.folder}/etc/streamimb/service.toml")
    assert told.returncode == 0, told.stderr
    where = "import streamimb, streamimb_services as s; print(streamimb.__file__, s.__file__, sep=chr(10))"
    made = command(built, "python", "-c", where)
    assert all(path.startswith(f"{built.folder}/app/lib") for path in made.stdout.splitlines())


def test_kernels_lie_compiled_in_the_image(built):
    """What a start needs is found: a second warming compiles nothing."""

    def compiled():
        return {path: path.stat().st_mtime_ns for path in (built.folder / "var/cache/streamimb").rglob("*.nb?")}

    before = compiled()
    assert len(before) > 100
    again = command(
        built, "python", f"{built.folder}/app/warm.py", f"{built.folder}/etc/streamimb/service.toml", MODELS
    )
    assert again.returncode == 0, again.stderr
    assert compiled() == before


def test_what_builds_is_not_shipped(built):
    """No installer, no build backend, no test of another package."""
    packages = next((built.folder / "app" / "lib").glob("python*/site-packages"))
    assert not [name for name in ("pip", "hatchling", "pytest") if (packages / name).exists()]
    assert not (packages / "pandas" / "tests").exists()
    assert (packages / "confluent_kafka").is_dir() and (packages / "s3fs").is_dir()
