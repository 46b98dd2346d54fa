"""Bytes to batches: the two decoders, which share the rules of ``decode_columns``."""

from streamimb.decode_json import JsonDecoder
from streamimb.decode_table import TableDecoder

__all__ = ["JsonDecoder", "TableDecoder"]
