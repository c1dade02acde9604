"""relays.yaml: what it says of relays, destinations and limits, and what is said of every fault in it."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributor.delivery.model.flow import Destination, Limits, Way
from distributor.errors import ConfigurationError
from distributor.i18n import activate
from distributor.relays.model import Relay
from distributor.relays.words import in_words
from distributor.settings import Settings, load

PASSWORD = "S3CRET-of-the-relay"
ENVIRON = {"MAIN_PASSWORD": PASSWORD}
ROOT = Path(__file__).parent.parent
FULL = """\
relays:
  main:
    address: smtps://smtp.association.example:465
    login: bulletin@association.example
    password_from: MAIN_PASSWORD
    weight: 3
    groups: [送, 报]
    senders: [Association.example]
    limits: {rate: 20/minute, connections: 2, per_connection: 50, per_day: 2000}
  rest:
    address: smtp://relay.association.example
destinations:
  QQ:
    domains: [qq.com, Foxmail.com, 邮箱.example]
    limits: {rate: 5/second, connections: 2, per_day: 500}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "recipients.yaml").touch()
    return tmp_path


def settings_of(site: Path, text: str, environ: dict[str, str] = ENVIRON) -> Settings:
    (site / "relays.yaml").write_text(text, "utf-8")
    return load(site, environ=environ)


def faults_of(site: Path, text: str, environ: dict[str, str] = ENVIRON) -> tuple[list[str], str]:
    """``code:line`` of every finding, and all that is said."""
    with pytest.raises(ConfigurationError) as raised:
        settings_of(site, text, environ)
    places = [finding.place for finding in raised.value.findings]
    assert {place.file for place in places if place} <= {str(site / "relays.yaml"), str(site / ".env")}
    found = [f"{finding.code}:{finding.place.line if finding.place else None}" for finding in raised.value.findings]
    return found, f"{raised.value} {[finding.remedy for finding in raised.value.findings]}"


# What it says


def test_relays_and_destinations_with_all_that_can_be_said(site: Path) -> None:
    settings = settings_of(site, FULL)
    assert settings.relays == (
        Relay("smtp.association.example", 465, True, "bulletin@association.example", PASSWORD, "main"),
        Relay("relay.association.example", 25, False, name="rest"),
    )
    limits = Limits(per_minute=20.0, connections=2, per_connection=50, per_day=2000)
    senders = frozenset({"association.example"})
    assert settings.rules.ways == (Way("main", 3, frozenset("送报"), senders, limits), Way("rest"))
    domains = frozenset({"qq.com", "foxmail.com", "xn--c0zu34b.example"})
    limits = Limits(per_minute=300.0, connections=2, per_day=500)
    assert settings.rules.destinations == (Destination("QQ", domains, limits),)


def test_the_sender_is_the_first_login_that_is_an_address(site: Path) -> None:
    assert settings_of(site, FULL).sender == "bulletin@association.example"


def test_without_the_file_there_is_one_way_and_nothing_is_limited(site: Path) -> None:
    assert load(site, environ={}).rules.ways == (Way("outbox"),)
    relay = {"DISTRIBUTOR_RELAY": "smtp://relay.example:25"}
    settings = load(site, environ=relay)
    assert settings.rules.ways == (Way("relay"),)
    assert [relay.name for relay in settings.relays] == ["relay"]


@pytest.mark.parametrize(
    ("environ", "name"), [({}, "outbox"), ({"DISTRIBUTOR_RELAY": "smtp://relay.example:25"}, "relay")]
)
def test_limits_and_destinations_of_a_relay_that_is_named_elsewhere(
    site: Path, environ: dict[str, str], name: str
) -> None:
    text = "limits: {per_day: 9}\ndestinations: {QQ: {domains: [qq.com]}}\n"
    rules = settings_of(site, text, environ).rules
    assert rules.ways == (Way(name, limits=Limits(per_day=9)),)
    assert rules.destinations == (Destination("QQ", frozenset({"qq.com"})),)


def test_a_file_of_comments_says_nothing(site: Path) -> None:
    assert settings_of(site, "# later\n").rules.ways == (Way("outbox"),)


def test_the_password_may_stand_in_the_dotenv_file_and_the_environment_beats_it(site: Path) -> None:
    (site / ".env").write_text("MAIN_PASSWORD='in the file'\n", "utf-8")
    assert settings_of(site, FULL, {}).relays[0].password == "in the file"
    assert settings_of(site, FULL).relays[0].password == PASSWORD


@pytest.mark.parametrize(
    ("address", "login", "port"),
    [("smtps://h.example", True, 465), ("smtp://h.example", True, 587), ("smtp://h.example", False, 25),
     ("smtp://h.example:2525", True, 2525)],
)  # fmt: skip
def test_the_port_that_is_meant_where_none_is_written(site: Path, address: str, login: bool, port: int) -> None:
    text = f"relays: {{a: {{address: '{address}'{', login: u, password_from: MAIN_PASSWORD' if login else ''}}}}}"
    assert settings_of(site, text).relays[0].port == port


@pytest.mark.parametrize(
    ("rate", "per_minute"),
    [("20/minute", 20), ("5/second", 300), ("30/hour", 0.5), ("2/秒", 120), ("7 / 分钟", 7), ("60/小时", 1)],
)
def test_a_rate(site: Path, rate: str, per_minute: float) -> None:
    assert settings_of(site, f"limits: {{rate: {rate}}}").rules.ways[0].limits.per_minute == pytest.approx(per_minute)


# What is wrong

WRONG = {
    "an unknown key": ("destination: {}\n", ["unknown-key:1"], "destinations"),
    "a relay's key misspelt": ("relays:\n  a: {adress: 'smtp://h'}\n", ["missing-key:2", "unknown-key:2"], "address"),
    "no table": ("- a\n", ["wrong-shape:1"], "key: value"),
    "relays as a list": ("relays: [a]\n", ["wrong-shape:1"], "key: value"),
    "no relay": ("relays: {}\n", ["no-relays:1"], "name one"),
    "limits as a text": ("limits: few\n", ["wrong-shape:1"], "key: value"),
    "a key of relays at a destination": (
        "destinations:\n  a: {domains: [a.example], limits: {per_connection: 5}}\n",
        ["unknown-key:2"], "per_connection"),
    "no domains": ("destinations:\n  a: {}\n", ["missing-key:2"], "domains"),
    "an empty list": ("destinations:\n  a: {domains: []}\n", ["empty-list:2"], "empty"),
    "an address for a domain": ("destinations:\n  a: {domains: [x@a.example]}\n", ["bad-domain:2"], "x@a.example"),
    "a word for a domain": ("destinations:\n  a:\n    domains:\n      - qq\n", ["bad-domain:4"], "qq"),
    "a domain twice, written in two ways": (
        "destinations:\n  a: {domains: [qq.com]}\n  b: {domains: [QQ.com]}\n",
        ["duplicate-domain:3"], "first in line 2"),
    "a name twice": (
        "destinations:\n  a: {domains: [qq.com]}\n  a: {domains: [b.example]}\n",
        ["duplicate-key:3"], "first in line 2"),
    "a relay and a destination of one name": (
        "relays:\n  a: {address: 'smtp://h.example'}\ndestinations:\n  a: {domains: [qq.com]}\n",
        ["duplicate-name:4"], "first in line 2"),
    "a destination called by another's domain": (
        "destinations:\n  qq.com: {domains: [foxmail.com]}\n", ["misleading-name:2"], "qq.com"),
    "limits of no relay": (
        "relays:\n  a: {address: 'smtp://h.example'}\nlimits: {per_day: 1}\n", ["whose-limits:3"], "move them"),
    "no relay's address": ("relays:\n  a: {address: 'http://h.example'}\n", ["bad-address:2"], "smtps://host:465"),
    "a login without a password": (
        "relays:\n  a: {address: 'smtp://h.example', login: u}\n", ["missing-key:2"], "password_from"),
    "a password without a login": (
        "relays:\n  a: {address: 'smtp://h.example', password_from: MAIN_PASSWORD}\n", ["missing-key:2"], "login"),
    "a variable that is not set": (
        "relays:\n  a: {address: 'smtp://h.example', login: u, password_from: OTHER}\n", ["no-password:2"], "OTHER"),
    "a variable that is a setting": (
        "relays:\n  a: {address: 'smtp://h.example', login: u, password_from: DISTRIBUTOR_PW}\n",
        ["bad-variable:2"], "NAME=password"),
    "an unknown group": ("relays:\n  a: {address: 'smtp://h', groups: [抄]}\n", ["unknown-group:2"], "报, 送, 发"),
    "a group that no relay carries": (
        "relays:\n  a: {address: 'smtp://h.example', groups: [报, 送]}\n", ["no-relay-for-group:2"], "发"),
    "a sender that no relay carries": (
        "relays:\n  a: {address: 'smtp://h.example', senders: [x.example]}\n", ["no-relay-for-group:2"], "报, 送, 发"),
    "no YAML": ("relays: {\n", ["bad-yaml:2"], "does not fit"),
    "an alias": ("limits: &a {per_day: 1}\n", ["anchor:1"], "anchor"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "found", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_fault_is_told_with_its_line(site: Path, text: str, found: list[str], said: str) -> None:
    codes, words = faults_of(site, text)
    assert sorted(codes) == found
    assert said in words


@pytest.mark.parametrize(
    "rate", ["20", "0/minute", "-1/minute", "1.5/minute", "20/day", "fast", "99999999/second", "[1]"]
)
def test_no_rate(site: Path, rate: str) -> None:
    codes, words = faults_of(site, f"limits:\n  rate: {rate}\n")
    assert codes == ["bad-rate:2"]
    assert "20/minute" in words


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "many", "true", "１", "[1]", "1" * 5000])
@pytest.mark.parametrize("key", ["connections", "per_connection", "per_day"])
def test_no_number(site: Path, key: str, number: str) -> None:
    assert faults_of(site, f"limits:\n  {key}: {number}\n")[0] == ["bad-number:2"]


def test_every_fault_is_told_at_once_with_those_of_the_settings(site: Path) -> None:
    (site / ".env").write_text("DISTRIBUTOR_WAIT=soon\n", "utf-8")
    text = "relays:\n  a:\n    address: x\n    weight: 0\n    groups: [x]\ndestinations:\n  b: {domains: [c]}\n"
    codes, _words = faults_of(site, text)
    assert sorted(codes) == ["bad-address:3", "bad-domain:7", "bad-number:4", "bad-wait:1", "unknown-group:5"]


def test_relays_there_and_one_in_the_settings_too(site: Path) -> None:
    codes, words = faults_of(site, FULL, ENVIRON | {"DISTRIBUTOR_RELAY": "smtp://relay.example:25"})
    assert codes == ["two-relays:2"]
    assert "DISTRIBUTOR_RELAY" in words


def test_a_file_that_cannot_be_read(site: Path) -> None:
    (site / "relays.yaml").mkdir()
    with pytest.raises(ConfigurationError, match=r"relays\.yaml"):
        load(site, environ={})


def test_a_link_that_leads_nowhere_is_not_taken_for_no_file(site: Path) -> None:
    (site / "relays.yaml").symlink_to(site / "gone.yaml")
    with pytest.raises(ConfigurationError, match=r"relays\.yaml"):
        load(site, environ={})


def test_a_sender_whose_domain_is_none_is_carried_by_a_relay_for_all(site: Path) -> None:
    text = "relays: {a: {address: 'smtp://h.example'}}"
    assert settings_of(site, text, {"DISTRIBUTOR_FROM": "a@x。。y"}).relays[0].name == "a"


@given(st.text() | st.binary())
def test_any_input_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: str | bytes) -> None:
    site = tmp_path_factory.getbasetemp() / "any"
    site.mkdir(exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
    for prefix in (b"", b"relays: ", b"limits: {rate: ", b"destinations:\n  a: {domains: ["):
        (site / "relays.yaml").write_bytes(prefix + data)
        with contextlib.suppress(ConfigurationError):
            assert load(site, environ={}).rules.ways


# What is never told


def test_the_password_is_in_no_repr(site: Path) -> None:
    settings = settings_of(site, FULL)
    assert settings.relays[0].password == PASSWORD
    assert PASSWORD not in f"{settings!r} {settings.relays!r} {settings.relays[0]} {settings.rules!r}"


@pytest.mark.parametrize(
    "slip",
    [
        f"address: 'smtps://user:{PASSWORD}@h.example'",
        f"address: 'smtps://user:{PASSWORD}/%@h.example:465'",
        f"address: 'smtp://h.example', login: u, password_from: {PASSWORD}",
        f"address: 'smtp://h.example', login: u, password_from: [{PASSWORD}]",
        "address: 'http://h.example', login: u, password_from: MAIN_PASSWORD",
    ],
)
def test_a_password_in_the_wrong_place_is_not_repeated(site: Path, slip: str) -> None:
    codes, words = faults_of(site, f"relays:\n  a: {{{slip}}}\n")
    assert len(codes) == 1
    assert PASSWORD not in words


def test_a_login_in_the_address_is_told_where_it_belongs(site: Path) -> None:
    codes, words = faults_of(site, "relays:\n  a: {address: 'smtps://u:p@h.example:465'}\n")
    assert codes == ["login-in-address:2"]
    assert "password_from" in words


# What it costs


def test_a_site_without_the_file_reads_no_yaml(site: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from distributor.settings import load\n"
        f"load(Path({str(site)!r}), environ={{}})\n"
        "print({'yaml', 'email_validator', 'distributor.relays.reader'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


# Limits in words


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(), ""),
        (Limits(per_minute=20.0), "at most 20 a minute"),
        (Limits(per_minute=300.0), "at most 5 a second"),
        (Limits(per_minute=0.5), "at most 30 an hour"),
        (Limits(per_minute=100 / 60), "at most 100 an hour"),
        (Limits(connections=1, per_connection=50, per_day=2000), "at most 1 connection, 50 a connection, 2000 a day"),
    ],
)
def test_limits_in_words(limits: Limits, words: str) -> None:
    activate("en")
    assert in_words(limits) == words
