"""The systemd unit: by systemd's own tool, and by what the service promises."""

import configparser
import subprocess
import sys

from streamimb import errors
from tests.deploy.files import DEPLOY

UNIT = DEPLOY / "systemd" / "streamimb.service"
#: Above this systemd calls a unit exposed: 10 is everything allowed, 0 nothing.
EXPOSURE_MAX = 2.0


def unit():
    """The unit's sections; a key that stands twice has its values joined."""
    told = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    told.optionxform = str
    told.read_string(UNIT.read_text())
    return told


def test_systemd_takes_the_unit(systemd_analyze, tmp_path):
    """No key is unknown to it, and what is left open is little."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(unit()["Service"]["ExecStart"].split()[0], f'"{sys.executable}"'))
    told = subprocess.run([systemd_analyze, "verify", copy], capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    said = subprocess.run([systemd_analyze, "security", "--offline=true", copy], capture_output=True, text=True)
    exposure = float(said.stdout.rsplit("Overall exposure level for", 1)[1].split(":")[1].split()[0])
    assert exposure <= EXPOSURE_MAX


def test_a_start_that_cures_nothing_is_not_tried():
    """Refused events, no usable checkpoint, another owner, configuration: by the errors' own codes."""
    final = (errors.RefusedError, errors.StateError, errors.GapError, errors.FencedError, errors.ConfigError)
    kept = set(map(int, unit()["Service"]["RestartPreventExitStatus"].split()))
    assert {error.exit_code for error in final} == kept
    assert errors.BrokersAwayError.exit_code not in kept and errors.StorageError.exit_code not in kept


def test_state_lies_where_the_unit_may_write():
    """Everything else is read-only for it."""
    service = unit()["Service"]
    assert (service["StateDirectory"], service["CacheDirectory"]) == ("streamimb", "streamimb")
    assert service["ProtectSystem"] == "strict"
    assert "NUMBA_CACHE_DIR=/var/cache/streamimb" in service["Environment"]
    assert 'url = "/var/lib/streamimb/' in (DEPLOY / "service.toml").read_text()
