"""Kernels are compiled anew when what they are made of changes, and random draws belong to their event."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from streamimb.kernel import uniform

CALLEE = """
from streamimb.kernel import leaf
STEP = {step}
@leaf
def inner(x):
    return x + {inner}
"""
CALLER = """
from streamimb.kernel import leaf
from callee import STEP, inner
@leaf
def outer(x):
    return inner(x) * STEP
print(outer(1))
"""


def test_a_kernel_follows_a_callee_or_a_constant_of_another_file(tmp_path):
    """What is cached for the caller is not used once the callee's file has changed."""
    (tmp_path / "caller.py").write_text(CALLER)
    told = []
    for step, inner in [(1, 1), (1, 10), (3, 10), (1, 1)]:
        (tmp_path / "callee.py").write_text(CALLEE.format(step=step, inner=inner))
        done = subprocess.run(
            [sys.executable, "-B", "caller.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        told.append(int(done.stdout))
    assert told == [2, 11, 33, 2]


TABLE = """
import numpy as np
from streamimb.kernel import leaf
STEPS = np.array([{step}, 0])
@leaf
def inner(x):
    return x * STEPS[0]
STEP = 1
"""


def test_a_kernel_follows_a_table_of_a_callee(tmp_path):
    """An array is a constant to numba: another one, and the caller is compiled anew."""
    (tmp_path / "caller.py").write_text(CALLER)
    told = []
    for step in (2, 3):
        (tmp_path / "callee.py").write_text(TABLE.format(step=step))
        done = subprocess.run(
            [sys.executable, "-B", "caller.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        told.append(int(done.stdout))
    assert told == [2, 3]


DEEP = """
from streamimb.kernel import leaf
@leaf
def deep(x):
    return x + {inner}
"""
UPSIDE_DOWN = """
from streamimb.kernel import leaf
from deep import deep
@leaf
def outer(x):
    return middle(x) * 2
@leaf
def middle(x):
    return deep(x)
print(outer(1))
"""


def test_a_kernel_follows_what_a_callee_further_down_its_file_is_made_of(tmp_path):
    """The callee is not there yet when the caller is read; a change in a third file still reaches the caller."""
    (tmp_path / "caller.py").write_text(UPSIDE_DOWN)
    told = []
    for inner in (1, 10, 1):
        (tmp_path / "deep.py").write_text(DEEP.format(inner=inner))
        done = subprocess.run(
            [sys.executable, "-B", "caller.py"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        told.append(int(done.stdout))
    assert told == [4, 22, 4]


def test_draws_belong_to_seed_event_and_member():
    """The same three give the same number; numbers spread evenly over [0, 1)."""
    draws = np.array([uniform(1, event, 2) for event in range(4_000)])
    assert uniform(1, 17, 2) == draws[17]
    assert len({uniform(1, 17, 2), uniform(2, 17, 2), uniform(1, 18, 2), uniform(1, 17, 3)}) == 4
    assert draws.min() >= 0 and draws.max() < 1
    assert np.abs(np.histogram(draws, 10)[0] - 400).max() < 80


def test_compiling_is_told_once(tmp_path):
    """A kernel that nobody has compiled yet says so; the next one does not; what both took is known."""
    program = "from streamimb.kernel import kernel, on_first_compile\n" + (
        "told = on_first_compile(lambda: print('told'))\nassert told.seconds == 0\n@kernel\ndef f(x):\n    return x\n"
        "@kernel\ndef g(x):\n    return x\n"
        "f(1)\none = told.seconds\nassert one > 0\nf(1)\nassert told.seconds == one\ng(1)\nassert told.seconds > one\n"
        "two = told.seconds\ntold.end()\nf(1.5)\nassert told.seconds == two\n"
    )
    (tmp_path / "program.py").write_text(program)
    empty = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}  # an earlier run's cache knows this program
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, env=empty, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["told"]
