"""Every kind of error of the list, by occasions, in the order in which docs/recipients.md shows them."""

from collections.abc import Sequence

from tests.examples_recipients import commands, includes, rows, spreadsheets, suspicions, the_list
from tests.recipients_bench import Section

SECTIONS: Sequence[Section] = (
    the_list.FILE,
    the_list.CONTENT,
    includes.SECTION,
    commands.SECTION,
    spreadsheets.READ,
    rows.ERRORS,
    rows.REMARKS,
    spreadsheets.WRITTEN,
    suspicions.CHECK,
    suspicions.IMPRINT,
    suspicions.ISSUES,
)

EXAMPLES = [example for section in SECTIONS for example in section.examples]
