"""The site that is measured: one audience from a CSV file, and a bulletin whose letter has about 12 KB on the wire."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
BULLETIN = "bulletin.txt"
PARAGRAPHS = 4
PER_UNIT = 2

LIST = """\
groups:
  发:
    labels: [发]
    template: members.html.j2
    subject: "{{ masthead }} {{ number_line }}"
    greeting: "{{ salutation }}：现将本期简报发给你们，请{{ contact }}转有关同志阅知。"
    reply_to: editor@association.example.org
audiences:
  各会员单位: {units: [], include: members.csv}
units: {}
"""
HEAD = "园区工作简报\n\n第4期\n（总第60期）\n\n某某园区协会\n\n2026年3月5日\n\n〈 本市动态 〉\n\n园区推进项目建设\n\n"
PARAGRAPH = (
    "第{number}组走访了正在建设的厂房和已经投产的企业，记下用水、用电、用工和运输方面的问题，"
    "逐条写明由谁答复、何时答复，并在下一期通报办理的结果。\n\n"
)


def make(folder: Path, recipients: int) -> Path:
    """A new site in *folder* with so many recipients; returns it."""
    folder.mkdir()
    for name in ("templates", "celeryconfig.py"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "recipients.yaml").write_text(LIST, "utf-8")
    paragraphs = "".join(PARAGRAPH.format(number=number) for number in range(1, PARAGRAPHS + 1))
    (folder / BULLETIN).write_text(f"{HEAD}{paragraphs}发：各会员单位\n", "utf-8")
    with (folder / "members.csv").open("w", encoding="utf-8") as file:
        file.write("单位,联系人,邮箱\n")
        for number in range(recipients):
            unit = number // PER_UNIT
            file.write(f"第{unit}号会员单位,收文员{number % PER_UNIT},office{number}@unit{unit}.example.org\n")
    return folder
