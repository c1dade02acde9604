"""``python -m distributor`` and the ``distributor`` command."""

import gc
import sys


def main() -> None:
    """Choose the language before the commands' help texts are made, then run the command."""
    # What is made by importing stays: to look through it for garbage time and again takes a tenth of a short command.
    gc.set_threshold(50_000)
    try:
        from distributor.i18n import activate  # noqa: PLC0415  Ctrl-C may come while modules are imported

        activate(_lang(sys.argv[1:]))
        from distributor.cli import run  # noqa: PLC0415  help texts are translated when this is imported

        code = run()
    except KeyboardInterrupt:
        code = _stopped()
    sys.exit(code)


def _stopped() -> int:
    from distributor.i18n import _  # noqa: PLC0415

    if sys.stderr is not None:
        sys.stderr.write("\n" + _("Stopped; nothing was done.") + "\n")
    return 2


def _lang(arguments: list[str]) -> str | None:
    for position, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            return argument.removeprefix("--lang=")
        if argument == "--lang" and position + 1 < len(arguments):
            return arguments[position + 1]
    return None


if __name__ == "__main__":
    main()
