"""The program's own words come in the reader's language, click's included."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from distributor.i18n import LOCALE_DIR, language_from


@pytest.mark.parametrize(
    ("explicit", "environ", "language"),
    [
        (None, {}, "en"),
        (None, {"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        (None, {"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        (None, {"LC_ALL": "", "LC_MESSAGES": "zh_CN"}, "zh_CN"),
        (None, {"LANGUAGE": "zh_CN:en", "LANG": "en_US.UTF-8"}, "zh_CN"),
        ("zh", {"LANG": "en_US.UTF-8"}, "zh_CN"),
        ("zh-CN", {}, "zh_CN"),
        ("ZH_cn.UTF-8", {}, "zh_CN"),
        ("en", {"LANG": "zh_CN.UTF-8"}, "en"),
        ("fr", {}, "en"),
    ],
)
def test_language(explicit: str | None, environ: dict[str, str], language: str) -> None:
    assert language_from(explicit, environ) == language


def said(*arguments: str, **environ: str) -> str:
    environment = {**os.environ, **environ}
    command = [sys.executable, "-m", "distributor", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("arguments", [["--lang", "zh_CN"], ["--lang=zh"]])
def test_help_is_chinese_where_it_is_asked_for(arguments: list[str]) -> None:
    help_text = said(*arguments, "--help")
    assert "用法：" in help_text
    assert "Usage" not in help_text
    assert "Commands" not in help_text


def test_the_locale_chooses_too() -> None:
    assert "没有 'tell' 这个命令" in said("tell", LC_ALL="zh_CN.UTF-8")
    assert "No such command 'tell'" in said("tell", LC_ALL="C.UTF-8")


def test_a_language_that_is_not_there_is_said() -> None:
    assert "the program speaks en, zh_CN" in said("--lang", "klingon", "status")


def test_every_word_of_click_that_is_translated_is_one_that_click_says() -> None:
    source = Catalog()
    for _file, _line, message, _comments, _context in extract_from_dir(Path(click.__file__).parent):
        source.add(message)
    with (LOCALE_DIR / "zh_CN/LC_MESSAGES/click.po").open("rb") as file:
        translated = read_po(file, locale="zh_CN")
    assert [message.id for message in translated if message.id and source.get(message.id) is None] == []
