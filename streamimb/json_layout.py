"""Numbers that the compiled reader of JSON and its caller agree on."""

from __future__ import annotations

from typing import Final

#: What a key's value is read as.
NUMBER: Final = 0
BOOLEAN: Final = 1
TEXT: Final = 2
LABEL: Final = 3
MOMENT: Final = 4
MOMENT_ISO: Final = 5
IGNORED: Final = 6
#: Columns of a table of keys: what each is read as, its column there, whether it is a feature and whether it is needed.
KIND: Final = 0
COLUMN: Final = 1
IS_FEATURE: Final = 2
IS_NEEDED: Final = 3
#: What a value was written as; the classes of a label are told apart by it.
IS_NULL: Final = 0
IS_FALSE: Final = 1
IS_TRUE: Final = 2
IS_NUMBER: Final = 3
IS_TEXT: Final = 4
IS_NONE: Final = -1
#: What became of a record.
ODD: Final = 0
PLAIN: Final = 1
BARE: Final = 2
#: The size of a text that is not there.
ABSENT: Final = -1
