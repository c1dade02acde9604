"""The shape of what reports say of a reason."""

from collections.abc import Callable

# Sentence and next step, translated when they are asked for; {issue} stands for the name.
Words = Callable[[], tuple[str, str]]
