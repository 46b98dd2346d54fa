"""What tells of drift: detectors of shares and of recalls, each of use alone as a river drift detector.

>>> from streamimb.drift import ADWIN
>>> detector = ADWIN(delta=0.002)
>>> for i in range(2_000):
...     detector.update(float(i >= 1_000))
...     if detector.drift_detected:
...         break
>>> 1_000 < i < 1_100
True
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamimb.drift.adwin import ADWIN
    from streamimb.drift.ddm_oci import DDMOCI
    from streamimb.drift.hddm_w import HDDMW
    from streamimb.drift.lfr import LFR
    from streamimb.drift.pauc_ph import PAUCPageHinkley
    from streamimb.drift.recall_scan import RecallScan
    from streamimb.drift.share_scan import ShareScan
    from streamimb.drift.share_test import ShareTest

__all__ = ["ADWIN", "DDMOCI", "HDDMW", "LFR", "PAUCPageHinkley", "RecallScan", "ShareScan", "ShareTest"]

#: Loaded when asked for: a pipeline needs none of them, and with them comes river.
_MODULES = {
    "ADWIN": "adwin",
    "DDMOCI": "ddm_oci",
    "HDDMW": "hddm_w",
    "LFR": "lfr",
    "PAUCPageHinkley": "pauc_ph",
    "RecallScan": "recall_scan",
    "ShareScan": "share_scan",
    "ShareTest": "share_test",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
