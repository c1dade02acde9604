"""A file of recipients as it comes, whatever made it → Sheet."""

from pathlib import Path

from distributor.recipients.sheets.model import Sheet


def read(path: Path, *, sheet: str | None = None, unit: str | None = None, hidden: bool = False) -> Sheet:
    """The recipients in *path*: a workbook (.xlsx, .xlsm), CSV with a header row, or plain text, a contact a line.

    *sheet* chooses one sheet of a workbook by name; otherwise every visible one with a header row is read. *unit* is
    the unit of rows that name none. *hidden* rows are passed over unless asked for.

    Raises:
        InputError: the file cannot be read, is of another kind, is not what it claims to be, or has no header row.
    """
    raise NotImplementedError
