"""The script that a test module is about, loaded as running it would, and gone when the module is done."""

import importlib.util
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def script(request):
    """``benchmarks/NAME.py`` for ``test_NAME_smoke.py``; scripts beside it that it imports are loaded anew, too."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_").removesuffix("_smoke")
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    beside = [path.stem for path in BENCHMARKS.glob("*.py")]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        for each in beside:
            patch.delitem(sys.modules, each, raising=False)
        patch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module
        for each in beside:
            sys.modules.pop(each, None)
