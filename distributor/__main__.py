"""``python -m distributor`` and the ``distributor`` command."""

import sys

from distributor.i18n import activate


def main() -> None:
    """Choose the language before the commands' help texts are made, then run the command."""
    activate(_lang(sys.argv[1:]))
    from distributor.cli import run  # noqa: PLC0415  help texts are translated when this is imported

    sys.exit(run())


def _lang(arguments: list[str]) -> str | None:
    for position, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            return argument.removeprefix("--lang=")
        if argument == "--lang" and position + 1 < len(arguments):
            return arguments[position + 1]
    return None


if __name__ == "__main__":
    main()
