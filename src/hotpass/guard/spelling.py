"""What a database may take for the same text.

MySQL and SQL Server compare without regard to letter case, accents and blanks at the end, so a name that is
spelled otherwise may still reach the row that is guarded.
"""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """`text` without letter case, accents and blanks at its end: equal for all that any database takes for
    equal.
    """
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold().rstrip()
