"""What is done to every text that a template has written, whatever it goes into."""

import re

# Controls, bidirectional overrides, noncharacters and halves of characters: nothing a letter needs, and an XML tree
# takes them badly.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def tidy(text: str) -> str:
    """No spaces at the ends of lines, never two empty lines, one line break at the end."""
    trimmed = re.sub(r"[ \t]+(?=\n|\Z)", "", text.strip("\n"))
    return re.sub(r"\n{3,}", "\n\n", trimmed) + "\n"
