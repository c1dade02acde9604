"""Sites, lists and bulletins for tests of the whole trip; and the command run in this process, as a person runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"  # beside the checkout where the project is built; a bare clone lacks it

GROUPS = """\
groups:
  报: {labels: [报, 呈报], template: superiors.html.j2, subject: "{{ masthead }} {{ number_line }}", greeting: "{{ salutation }}：谨呈。"}
  送: {labels: [送, 抄送], template: departments.html.j2, subject: "{{ masthead }} {{ number_line }}", greeting: "{{ salutation }}：请参考。"}
  发: {labels: [发], template: members.html.j2, subject: "{{ masthead }} {{ number_line }}", greeting: "{{ salutation }}：请阅知。"}
"""  # noqa: E501

BULLETIN = """\
园区工作简报

第{number}期
（总第{total}期）

某某园区协会

2026年3月5日

〈 本市动态 〉

园区推进项目建设

三月以来，各园区集中推进重点项目建设，进展顺利。

协会组织调研

协会组织会员单位调研，听取意见和建议。（来源：某某日报）

送：有关部门

发：各会员单位
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def list_of(audiences: Mapping[str, Mapping[str, Iterable[str]]]) -> str:
    """A recipients.yaml: audience → unit → addresses."""
    lines = [GROUPS, "audiences:"]
    lines += [f"  {audience}: {{units: [{', '.join(units)}]}}" for audience, units in audiences.items()]
    lines.append("units:")
    merged = {unit: emails for units in audiences.values() for unit, emails in units.items()}
    for unit, emails in merged.items():
        contacts = ", ".join(f"{{name: 收文{i}, email: {email}}}" for i, email in enumerate(emails, 1))
        lines.append(f"  {unit}: {{contacts: [{contacts}]}}")
    return "\n".join(lines) + "\n"


DEPARTMENTS = {"市甲局": ["a@alpha.example.org"], "市乙局": ["b@beta.example.org", "b2@beta.example.org"]}
MEMBERS = {"丙公司": ["c@gamma.example.com"], "丁公司": ["d@delta.example.com"], "戊公司": ["e@epsilon.example.com"]}


class Site:
    """A folder with a list, templates and a bulletin; runs commands on itself in this process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        folder.mkdir(exist_ok=True)
        for name in ("templates", "celeryconfig.py"):
            (folder / name).symlink_to(ROOT / name)
        self.write_list({"有关部门": DEPARTMENTS, "各会员单位": MEMBERS})
        self.bulletin = self.write_bulletin()
        self.setting(SITE=str(folder))

    def write_list(self, audiences: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
        (self.folder / "recipients.yaml").write_text(list_of(audiences), "utf-8")

    def write_bulletin(self, name: str = "60.txt", *, number: int = 4, total: int = 60, text: str = BULLETIN) -> Path:
        path = self.folder / name
        path.write_text(text.format(number=number, total=total), "utf-8")
        return path

    def setting(self, **values: str | int) -> None:
        """Settings by their names without DISTRIBUTOR_."""
        for name, value in values.items():
            self._monkeypatch.setenv(f"DISTRIBUTOR_{name}", str(value))

    def run(self, *arguments: str | Path) -> Ran:
        """`distributor ARGUMENTS` in this process."""
        from distributor.cli import run  # noqa: PLC0415  help texts are translated at import

        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Ran(code, *self._capsys.readouterr())

    def send(self, *arguments: str | Path) -> Ran:
        return self.run("send", self.bulletin, "--yes", *arguments)

    def start(self, *arguments: str | Path, **options: Any) -> "subprocess.Popen[str]":
        """The command in a process of its own."""
        command = [sys.executable, "-m", "distributor", *map(str, arguments)]
        return subprocess.Popen(
            command, cwd=self.folder, env=dict(os.environ), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            **options,
        )  # fmt: skip

    def letters(self) -> list[EmailMessage]:
        """Every message that the bundled sink has kept."""
        return read_letters(self.folder / "outbox")


def read_letters(outbox: Path) -> list[EmailMessage]:
    """The messages of a Maildir, by recipient."""
    found = [parse(path.read_bytes()) for path in outbox.glob("new/*")]
    return sorted(found, key=lambda letter: str(letter["To"]))


def parse(message: bytes) -> EmailMessage:
    """The message as the email package understands it."""
    parsed = message_from_bytes(message, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def texts(letter: EmailMessage) -> tuple[str, str]:
    """Its plain text and its HTML."""
    plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def address_of(letter: EmailMessage) -> str:
    """The one address it is written to."""
    (address,) = letter["To"].addresses
    return str(address.addr_spec)
