"""Recipients → .xlsx or .csv, such that reading gives back the same rows."""

from collections.abc import Iterable
from pathlib import Path

from distributor.recipients.sheets.model import SheetRow


def write(path: Path, rows: Iterable[SheetRow]) -> int:
    """Write *rows* to *path*, .xlsx or .csv by its suffix, and return how many. It is there in full or not at all.

    Raises:
        InputError: the suffix is another one, or the file cannot be written or cannot hold the rows.
    """
    raise NotImplementedError
