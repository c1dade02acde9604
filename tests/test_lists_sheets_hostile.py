"""Workbooks that are damaged, locked, of another kind, or made to do harm: refused with a reason, never a traceback."""

import io
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distributor.errors import Finding, InputError
from distributor.recipients.sheets import package, workbook, xmlrows
from distributor.recipients.sheets.model import SheetRow
from distributor.recipients.sheets.reading import read
from tests.sheets import TITLES, contacts, read_all, refusal, refused
from tests.sheets import workbook as made_workbook

SHEET = "xl/worksheets/sheet1.xml"
A = ["甲局", "办公室", "a@example.org"]
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


STRINGS = "xl/sharedStrings.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "list.xlsx"
    made_workbook(path, TITLES, A)
    return with_shared_strings(path)


def with_shared_strings(path: Path) -> Path:
    """What openpyxl wrote into the cells, kept in a part of its own as Excel does."""
    strings: list[str] = []

    def shared(match: re.Match[str]) -> str:
        strings.append(re.sub(r"&#(\d+);", lambda number: chr(int(number[1])), match[1]))
        return f't="s"><v>{len(strings) - 1}</v>'

    contents = parts(path)
    contents[SHEET] = re.sub('t="inlineStr"><is>(.*?)</is>', shared, contents[SHEET].decode()).encode()
    contents[STRINGS] = f'<sst xmlns="x">{"".join(f"<si>{text}</si>" for text in strings)}</sst>'.encode()
    relation = b'<Relationship Id="rId77" Type="x/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    contents[RELATIONS] = contents[RELATIONS].replace(b"</Relationships>", relation)
    packed(path, contents)
    return path


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def packed(path: Path, contents: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", compression) as zipped:
        for name, content in contents.items():
            zipped.writestr(name, content)


def edited(path: Path, part: str, edit: Callable[[str], str]) -> Path:
    contents = parts(path)
    before = contents[part].decode()
    contents[part] = edit(before).encode()
    assert contents[part].decode() != before
    packed(path, contents)
    return path


# XML

DOCTYPES = {
    "billion laughs": '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>',
    "a file of ours": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "a document type alone": "<!DOCTYPE worksheet>",
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://example.test/x"> %p;]>',
}


@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES)
@pytest.mark.parametrize("part", [SHEET, STRINGS, "xl/workbook.xml", "xl/styles.xml", "_rels/.rels"])
def test_xml_with_a_document_type_is_refused(book: Path, doctype: str, part: str) -> None:
    edited(book, part, lambda xml: doctype + xml.partition("?>")[2] if xml.startswith("<?xml") else doctype + xml)
    assert refused(book) == ["error damaged-workbook"]
    assert "document type" in str(refusal(book))


EDITS: dict[str, tuple[str, Callable[[str], str]]] = {
    "cut off": (SHEET, lambda xml: xml[: len(xml) // 2]),
    "empty": (SHEET, lambda xml: ""),
    "a text that is not there": (SHEET, lambda xml: xml.replace("<v>0</v>", "<v>99</v>")),
    "a text before the first": (SHEET, lambda xml: xml.replace("<v>0</v>", "<v>-1</v>")),
    "a column that is none": (SHEET, lambda xml: xml.replace('r="A1"', 'r="AAAA1"')),
    "a row beyond the last": (SHEET, lambda xml: xml.replace('<row r="2"', '<row r="1048577"')),
    "a row that is no number": (SHEET, lambda xml: xml.replace('<row r="2"', '<row r="x"')),
    "rows that go back": (SHEET, lambda xml: xml.replace('<row r="2"', '<row r="1"')),
    "a merge that is none": (SHEET, lambda xml: xml.replace("</sheetData>", '</sheetData><mergeCell ref="x"/>')),
    "an encoding that is none": (SHEET, lambda xml: '<?xml version="1.0" encoding="klingon"?>' + xml),
    "a number of many digits": (SHEET, lambda xml: xml.replace("<v>0</v>", f"<v>{'9' * 9000}</v>")),
    "an undefined entity": (SHEET, lambda xml: xml.replace("<v>0</v>", "<v>&nbsp;</v>")),
    "no attributes": (RELATIONS, lambda xml: "<Relationships><Relationship/></Relationships>"),
}


@pytest.mark.parametrize(("part", "edit"), EDITS.values(), ids=EDITS)
def test_xml_that_no_program_writes_is_damage(book: Path, part: str, edit: Callable[[str], str]) -> None:
    edited(book, part, edit)
    assert refused(book) == ["error damaged-workbook"]


def test_a_tag_without_end_is_refused_before_it_fills_the_memory(book: Path) -> None:
    attribute = "x" * (3 * package._LONGEST_TOKEN)
    edited(book, SHEET, lambda xml: xml.replace('<row r="2"', f'<row y="{attribute}" r="2"'))
    assert "a tag is longer than 2 MB" in str(refusal(book))


def test_a_text_without_end_is_refused(book: Path) -> None:
    edited(book, STRINGS, lambda xml: xml.replace("办公室", "办" * 2_000_000))
    assert read_all(book)[1] == ["error bad-text 表1!B2"]


def test_prefixes_and_the_strict_namespace_are_read(book: Path) -> None:
    """As some libraries write them."""

    def prefixed(xml: str) -> str:
        return xml.replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x=").replace("<x:?", "<?")

    edited(book, SHEET, prefixed)
    edited(book, STRINGS, prefixed)
    assert contacts(book) == [tuple(A)]


def test_a_phonetic_guide_is_no_part_of_the_text(book: Path) -> None:
    edited(
        book,
        STRINGS,
        lambda xml: xml.replace("<t>甲局</t>", '<r><t>甲</t></r><r><t>局</t></r><rPh sb="0" eb="1"><t>jia</t></rPh>'),
    )
    assert contacts(book) == [tuple(A)]


def test_links_that_lead_outside_are_not_followed(book: Path) -> None:
    edited(
        book,
        RELATIONS,
        lambda xml: xml.replace(
            "</Relationships>",
            '<Relationship Id="rId99" Type="x/sharedStrings" Target="file:///etc/passwd" TargetMode="External"/>'
            "</Relationships>",
        ),
    )
    assert contacts(book) == [tuple(A)]


# Sizes


def test_a_part_packed_too_densely_is_refused_before_it_is_inflated(book: Path) -> None:
    contents = parts(book) | {STRINGS: b"<sst>" + b" " * 100_000_000 + b"</sst>"}
    packed(book, contents)
    tracemalloc.start()
    assert refused(book) == ["error too-large"]
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("module", "name", "most", "words"),
    [
        (package, "MAX_FILE", 1000, "the file is larger than"),
        (package, "MAX_PARTS", 3, "more than 3 parts"),
        (workbook, "MAX_STRINGS", 10, "sharedStrings.xml of the workbook is larger than"),
        (workbook, "_MOST_STRINGS", 3, "more than 3 texts"),
        (workbook, "_MOST_MERGES", 1, "more than 1 merged cells"),
    ],
)
def test_what_is_larger_than_any_list_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, name: str, most: int, words: str
) -> None:
    path = tmp_path / "list.xlsx"
    made = made_workbook(path, TITLES, A)
    made.active.merge_cells("A2:A3")
    made.active.merge_cells("B2:B3")
    made.save(path)
    with_shared_strings(path)
    monkeypatch.setattr(module, name, most)
    assert refused(path) == ["error too-large"]
    assert words in str(refusal(path))


def test_a_part_that_is_larger_than_it_says_is_damage(book: Path) -> None:
    """The directory tells a tenth of the size; no more than that is inflated."""
    data = book.read_bytes()
    with zipfile.ZipFile(book) as zipped:
        info = zipped.getinfo(SHEET)
    sizes = struct.pack("<LL", info.compress_size, info.file_size)
    assert data.count(sizes) >= 1
    book.write_bytes(data.replace(sizes, struct.pack("<LL", info.compress_size, info.file_size // 10)))
    assert refused(book) == ["error damaged-workbook"]


def test_a_directory_of_millions_is_not_read_at_once(book: Path) -> None:
    """Its end says that 100 MB of it stand before it."""
    data = book.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    huge = data[:end] + b"\0" * 100_000_000
    book.write_bytes(huge + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(huge) - 100, 100, 0))
    tracemalloc.start()
    assert refused(book) == ["error damaged-workbook"]
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


# Zip


def test_a_part_that_is_there_twice_is_damage(book: Path) -> None:
    with zipfile.ZipFile(book, "a") as zipped:
        zipped.writestr(SHEET.upper(), b"<worksheet/>")
    assert "a part is in it twice" in str(refusal(book))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_that_cannot_be_bounded_is_refused(book: Path, compression: int) -> None:
    packed(book, parts(book), compression)
    assert "packed in a way that workbooks are not" in str(refusal(book))


def test_names_with_backslashes_and_in_capitals_are_found(book: Path) -> None:
    packed(book, {name.replace("/", "\\").upper(): content for name, content in parts(book).items()})
    assert contacts(book) == [tuple(A)]


def test_a_locked_part_is_damage(book: Path) -> None:
    data = bytearray(book.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(signature, at + 4)
    book.write_bytes(data)
    assert refused(book) == ["error damaged-workbook"]


@pytest.mark.parametrize("missing", [SHEET, STRINGS])
def test_a_missing_part_is_named(book: Path, missing: str) -> None:
    contents = parts(book)
    del contents[missing]
    packed(book, contents)
    assert f"the part {missing} is missing" in str(refusal(book))


def test_a_workbook_without_styles_is_read(book: Path) -> None:
    contents = parts(book)
    del contents["xl/styles.xml"]
    packed(book, contents)
    assert contacts(book) == [tuple(A)]


def test_a_file_that_is_gone_before_its_rows_are_read_says_so(book: Path) -> None:
    sheet = read(book)
    book.unlink()
    with pytest.raises(InputError, match="cannot be opened"):
        next(sheet.rows)


# Other kinds


def zipped(**contents: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return buffer.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
KINDS = {
    "old Excel": (OLE + "Workbook".encode("utf-16-le"), "not-a-workbook", "save it as .xlsx"),
    "a password": (OLE + "EncryptedPackage".encode("utf-16-le"), "locked-workbook", "save it without a password"),
    "Word": (zipped(word__document_dot_xml=b"<document/>"), "not-a-workbook", "a file of Word"),
    "OpenDocument": (zipped(mimetype=b"x", content_dot_xml=b"<x/>"), "not-a-workbook", "a file of OpenDocument"),
    "binary Excel": (zipped(xl__workbook_dot_bin=b"x"), "not-a-workbook", "a file of Excel (.xlsb)"),
    "some zip": (zipped(readme=b"x"), "not-a-workbook", "a file of zip"),
    "an empty zip": (zipped(), "not-a-workbook", "a file of zip"),
    "half a workbook": (b"PK\x03\x04" + b"\0" * 100, "damaged-workbook", "save it again as .xlsx"),
}


@pytest.mark.parametrize(("content", "code", "words"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", ["list.xlsx", "list.csv", "list.txt"])
def test_a_file_of_another_kind_is_told_by_its_content(
    tmp_path: Path, content: bytes, code: str, words: str, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert refused(path) == [f"error {code}"]
    assert words in str(refusal(path))


def test_a_workbook_called_csv_is_read(book: Path) -> None:
    assert contacts(book.rename(book.with_suffix(".csv"))) == [tuple(A)]


# Anything at all


def read_or_refused(path: Path) -> None:
    """Nothing but InputError, with something to say."""
    rows, findings = rows_or_findings(path)
    assert all(finding.message.strip() for finding in findings)
    assert all(row.unit and row.name and row.email.count("@") == 1 for row in rows)


def rows_or_findings(path: Path) -> tuple[list[SheetRow], list[Finding]]:
    try:
        sheet = read(path)
        return list(sheet.rows), list(sheet.findings)
    except InputError as error:
        return [], [*error.findings, error.findings[0]]


@settings(one_folder, max_examples=300)
@given(st.data())
def test_a_workbook_with_any_bytes_changed_is_read_or_refused(book: Path, data: st.DataObject) -> None:
    path = book.with_name("changed.xlsx")
    content = bytearray(book.read_bytes())
    for _time in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    path.write_bytes(content)
    read_or_refused(path)


SNIPPETS = [
    "<c/>", "<row/>", "<v>", "</v>", ' r="A1"', ' t="s"', ' t="d"', ' t="x"', ' s="9"', "<f/>", "<is><t>x@y</t></is>",
    "<rPh>", "-1", "1e400", "NaN", '<mergeCell ref="A1:A9"/>', "_xD800_", "&#0;", "<!-- -->", "<![CDATA[a@b]]>",
]  # fmt: skip


@settings(one_folder, max_examples=300)
@given(st.data())
def test_a_sheet_with_any_xml_changed_is_read_or_refused(book: Path, data: st.DataObject) -> None:
    path = book.with_name("changed.xlsx")
    contents = parts(book)
    part = data.draw(st.sampled_from([SHEET, STRINGS, "xl/workbook.xml", "xl/styles.xml"]))
    xml = contents[part].decode()
    for _time in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(xml)))
        end = start + data.draw(st.integers(0, 10))
        xml = xml[:start] + data.draw(st.sampled_from(SNIPPETS)) + xml[end:]
    packed(path, contents | {part: xml.encode()}, zipfile.ZIP_STORED)
    read_or_refused(path)


@settings(one_folder, max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["list.csv", "list.txt"]), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes, name: str, with_header: bool) -> None:
    path = tmp_path / name
    path.write_bytes("单位,联系人,邮箱\n".encode() + data if with_header else data)
    read_or_refused(path)


def test_columns_have_the_numbers_that_spreadsheets_give_them() -> None:
    assert [xmlrows.column_of(name) for name in ("A", "Z", "AA", "XFD")] == [0, 25, 26, 16_383]
