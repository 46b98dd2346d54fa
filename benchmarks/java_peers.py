"""MOA's classifiers in a Java process of one core, for benchmarks/java.py; the jar comes through Maven."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent / "java"
#: Where the jar lies; Git ignores it.
JARS = HERE / "jars"
#: One processor, as its learners use one thread: the collector's and the compiler's time counts then, too.
OPTIONS = ("-XX:ActiveProcessorCount=1", "-XX:+UseSerialGC", "-Xmx1500m")


def fetch() -> None:
    """Have Maven copy the jar that pom.xml names into JARS, unless it is there. Raises SystemExit."""
    if list(JARS.glob("moa-*.jar")):
        return
    for tool in ("mvn", "java"):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool}: not found; this benchmark needs Maven and a JDK of version 17 or newer")
    copy = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    subprocess.run([*copy, f"-DoutputDirectory={JARS}"], check=True)


def write_stream(path: Path, stream: dict[str, NDArray[np.generic]]) -> None:
    """Write what Peers.java reads; a stream as benchmarks/streams.py has it."""
    X, y = stream["X"].astype("<f4"), stream["y"].astype("<i2")
    codes = [int(np.nanmax(X[:, j])) + 1 if categorical else 0 for j, categorical in enumerate(stream["categorical"])]
    head = np.array([*X.shape, int(stream["n_classes"]), *codes], "<i4")
    path.write_bytes(head.tobytes() + X.tobytes() + y.tobytes())


class Peers:
    """The Java process, which inherits this one's core and keeps its compiled code from run to run."""

    def __init__(self) -> None:
        command = ["java", *OPTIONS, "-cp", f"{JARS}/*", str(HERE / "Peers.java")]
        self._java = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, learner: str, stream: Path, votes: Path | str = "-", *, elapsed: bool = False) -> float:
        """Test-then-train over a stream; processor or elapsed seconds of the loop.

        Raises RuntimeError where Java fails.
        """
        assert self._java.stdin is not None and self._java.stdout is not None
        self._java.stdin.write(f"{learner}\t{stream}\t{votes}\n")
        self._java.stdin.flush()
        told = self._java.stdout.readline()
        if not told:
            raise RuntimeError(f"{learner} on {stream.name}: Java ended with status {self._java.wait()}")
        return float(told.split()[elapsed])

    def decide(self, learner: str, stream: Path, n_classes: int) -> NDArray[np.int64]:
        """The class with most votes, event by event, int64 (n,)."""
        votes = stream.with_suffix(".votes")
        self.run(learner, stream, votes)
        decided: NDArray[np.int64] = np.nan_to_num(np.fromfile(votes, "<f8")).reshape(-1, n_classes).argmax(axis=1)
        return decided

    def close(self) -> None:
        """End the process."""
        if self._java.stdin is not None:
            self._java.stdin.close()
        self._java.wait()
