"""Settings: where a site is found, what .env and the environment say, and what is said of wrong values."""

from pathlib import Path

import pytest

from distributor.errors import ConfigurationError
from distributor.settings import DEFAULT_SENDER, Relay, find_site, load, parse_relay


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipients.yaml").touch()
    return tmp_path


def codes(raised: pytest.ExceptionInfo[ConfigurationError]) -> set[str]:
    return {finding.code for finding in raised.value.findings}


# Where the site is


def test_the_nearest_folder_above_that_has_a_list(folder: Path) -> None:
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    assert find_site(environ={}, cwd=inner) == folder.resolve()


def test_the_option_beats_the_environment_and_the_environment_the_working_directory(tmp_path: Path) -> None:
    for name in ("option", "environment", "here"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipients.yaml").touch()
    environ = {"DISTRIBUTOR_SITE": str(tmp_path / "environment")}
    assert find_site(str(tmp_path / "option"), environ=environ, cwd=tmp_path / "here").name == "option"
    assert find_site(environ=environ, cwd=tmp_path / "here").name == "environment"
    assert find_site(environ={}, cwd=tmp_path / "here").name == "here"


def test_a_named_folder_without_a_list_is_not_looked_for_above(folder: Path) -> None:
    (folder / "inner").mkdir()
    with pytest.raises(ConfigurationError, match=r"recipients\.yaml"):
        find_site(str(folder / "inner"), environ={})


# What is set


def test_nothing_is_set_and_nobody_is_mailed(folder: Path) -> None:
    settings = load(folder, environ={})
    assert settings.relays == ()
    assert settings.broker is None
    assert settings.sender == DEFAULT_SENDER
    assert settings.ledger == f"sqlite:///{folder / 'distributor.sqlite3'}"
    assert settings.timezone.key == "Asia/Shanghai"
    assert settings.uncertain == "hold"
    assert settings.wait == 900


def test_the_environment_beats_the_file(folder: Path) -> None:
    (folder / ".env").write_text("DISTRIBUTOR_WAIT=1\nDISTRIBUTOR_CONNECTIONS=2\n", "utf-8")
    settings = load(folder, environ={"DISTRIBUTOR_WAIT": "3"})
    assert (settings.wait, settings.connections) == (3, 2)


def test_the_sender_is_the_login_where_that_is_an_address(folder: Path) -> None:
    environ = {"DISTRIBUTOR_RELAY": "smtps://bulletin%40association.example:p@smtp.association.example"}
    assert load(folder, environ=environ).sender == "bulletin@association.example"
    assert load(folder, environ=environ | {"DISTRIBUTOR_FROM": "x@y.example"}).sender == "x@y.example"


def test_every_wrong_value_is_told_at_once_with_its_place(folder: Path) -> None:
    (folder / ".env").write_text("DISTRIBUTOR_WAIT=soon\nDISTRIBUTOR_TZ=Mars/Olympus\n", "utf-8")
    environ = {"DISTRIBUTOR_RELAY": "http://x", "DISTRIBUTOR_UNCERTAIN": "maybe", "DISTRIBUTOR_CONNECTIONS": "0"}
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ=environ)
    assert codes(raised) == {"bad-wait", "bad-tz", "bad-relay", "bad-uncertain", "bad-connections"}
    assert str(folder / ".env") in str(raised.value)
    assert "environment variable DISTRIBUTOR_UNCERTAIN" in str(raised.value)


@pytest.mark.parametrize("sender", ["nobody", "a@b@c.example", "A <a@b.example>", "a@b.example\r\nBcc: c@d.example"])
def test_a_sender_that_is_no_address(folder: Path, sender: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={"DISTRIBUTOR_FROM": sender})
    assert codes(raised) == {"bad-from"}


def test_a_certificate_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={"DISTRIBUTOR_CA_FILE": str(folder / "none.pem")})
    assert codes(raised) == {"bad-ca_file"}


def test_a_file_of_settings_that_is_not_utf_8(folder: Path) -> None:
    (folder / ".env").write_bytes("DISTRIBUTOR_FROM=简报".encode("gb18030"))
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={})
    assert codes(raised) == {"bad-env"}


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("# a comment\n\nDISTRIBUTOR_TZ Asia/Shanghai\n", 3, "bad-line"),
        ("\n\nDISTRIBUTOR_FROM='a@b.example\nDISTRIBUTOR_WAIT=1\n", 3, "bad-line"),
        ("DISTRIBUTOR_WAIT=1\r\nDISTRIBUTOR_RELAY\r\n", 2, "bad-line"),
        ("DISTRIBUTOR_WAIT=1\n#DISTRIBUTOR_WAIT=2\nDISTRIBUTOR_WAIT=1\n", 3, "duplicate-setting"),
        ("DISTRIBUTOR_WAIT=1\n\nDISTRIBUTR_RELAY=smtp://h.example\n", 3, "unknown-setting"),
        ("export DISTRIBUTOR_RELAYS=smtp://h.example\n", 1, "unknown-setting"),
        ("distributor_relay=smtp://h.example\n", 1, "unknown-setting"),
        ("\ufeffDISTRIBUTOR_CONNECTIONS=101\n", 1, "bad-connections"),
    ],
)
def test_a_line_of_the_file_that_would_not_do_what_it_says(folder: Path, text: str, line: int, code: str) -> None:
    (folder / ".env").write_text(text, "utf-8", newline="")
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={})
    assert [(finding.code, str(finding.place)) for finding in raised.value.findings] == [
        (code, f"{folder / '.env'}:{line}")
    ]


def test_all_lines_of_the_file_are_told_at_once(folder: Path) -> None:
    text = "DISTRIBUTOR_TZ Asia\nDISTRIBUTR_RELAY=x\nDISTRIBUTOR_WAIT=1\nDISTRIBUTOR_WAIT=2\nDISTRIBUTOR_UNCERTAIN=?\n"
    (folder / ".env").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={"DISTRIBUTOR_RELAYS": "x"})
    places = [str(finding.place).removeprefix(f"{folder}/") for finding in raised.value.findings]
    assert places == [".env:1", ".env:2", ".env:4", "environment variable DISTRIBUTOR_RELAYS", ".env:5"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DISTRIBUTR_RELAY", "DISTRIBUTOR_RELAY"),
        ("DISTRIBUTOR_RELAYS", "DISTRIBUTOR_RELAY"),
        ("DISTRIBUTOR_CAFILE", "DISTRIBUTOR_CA_FILE"),
    ],
)
def test_a_name_that_is_misspelt_is_guessed(folder: Path, name: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"there is no setting {name}\n.*did you mean {meant}\?"):
        load(folder, environ={name: "x"})


def test_names_of_other_programs_are_nobody_s_business(folder: Path) -> None:
    (folder / ".env").write_text("RELAY=1\nRELAY=2\nREDIS_URL=redis://h\nDISTRIBUTION_ID=x\n", "utf-8")
    environ = {"PATH": "/bin", "DISTRIBUTION_ID": "x", "DISTRIBUTOR_SITE": str(folder)}
    assert load(folder, environ=environ).relays == ()


def test_a_password_in_a_broken_line_is_not_repeated(folder: Path) -> None:
    (folder / ".env").write_text('DISTRIBUTOR_RELAY="smtps://u:s3cret@h.example\n', "utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={})
    assert "s3cret" not in str(raised.value)


def test_a_folder_in_the_place_of_the_file(folder: Path) -> None:
    (folder / ".env").mkdir()
    with pytest.raises(ConfigurationError, match="the settings cannot be read: Is a directory"):
        load(folder, environ={})


@pytest.mark.parametrize("values", [{"FIRST": "10", "MOST": "9"}, {"FIRST": "3601"}, {"MOST": "59"}])
def test_the_longest_pause_is_not_shorter_than_the_first(folder: Path, values: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={f"DISTRIBUTOR_RETRY_{name}": value for name, value in values.items()})
    assert codes(raised) <= {"bad-retry_most", "bad-retry_first"}
    assert len(raised.value.findings) == 1


@pytest.mark.parametrize("value", ["-1", "1.5", "1e3", "９", "9" * 5000, "31622401"])
def test_seconds_that_are_none(folder: Path, value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={"DISTRIBUTOR_WAIT": value})
    assert codes(raised) == {"bad-wait"}


# The relay


@pytest.mark.parametrize(
    ("text", "relay"),
    [
        ("smtps://u:p@h.example", Relay("h.example", 465, tls=True, user="u", password="p")),
        ("smtp://u:p@h.example", Relay("h.example", 587, tls=False, user="u", password="p")),
        ("smtp://h.example", Relay("h.example", 25, tls=False)),
        ("smtp://h.example:2525/", Relay("h.example", 2525, tls=False)),
        ("smtp://[::1]:25", Relay("::1", 25, tls=False)),
        ("smtps://a%40b.example:p%3A%2F%25@h.example:465", Relay("h.example", 465, True, "a@b.example", "p:/%")),
    ],
)
def test_a_relay_s_address(text: str, relay: Relay) -> None:
    assert parse_relay(text) == relay


@pytest.mark.parametrize(
    "text",
    ["", "h.example", "http://h.example", "smtp://", "smtp://h:port", "smtp://h:99999", "smtp://u@h.example",
     "smtp://h/path", "smtp://h?x=1", "smtp://[::1", "smtp://h.example:0"],
)  # fmt: skip
def test_what_is_no_relay_s_address(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  urlsplit has words of its own
        parse_relay(text)


def test_what_kubernetes_tells_a_pod_is_none_of_our_settings(folder: Path) -> None:
    load(folder, environ={"DISTRIBUTOR_PORT": "tcp://10.0.0.1:80", "DISTRIBUTOR_SERVICE_HOST": "10.0.0.1"})


def test_the_password_is_never_shown(folder: Path) -> None:
    environ = {
        "DISTRIBUTOR_RELAY": "smtps://u:s3cret@h.example",
        "DISTRIBUTOR_BROKER": "redis://:s3cret@h.example/0",
        "DISTRIBUTOR_LEDGER": "postgresql+psycopg://u:s3cret@h.example/d",
    }
    settings = load(folder, environ=environ)
    assert "s3cret" not in f"{settings!r} {settings.relays}"
    with pytest.raises(ConfigurationError) as raised:
        load(folder, environ={"DISTRIBUTOR_RELAY": "smtp://u:s3cret@h.example/path"})
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("h.example", False),
    ],
)
def test_whether_a_relay_is_on_this_machine(host: str, local: bool) -> None:
    assert Relay(host, 25, tls=False).on_loopback is local
