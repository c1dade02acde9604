"""`recipients check --dns`: which domains take no mail, asked of a real name server on loopback."""

from collections.abc import Iterator

import pytest
from dns.asyncresolver import Resolver

from distributor.distribution import mail_domains
from distributor.recipients.suspicions import Mail
from tests.nameserver import NameServer
from tests.sites import Site

ZONES = {
    "mx.example": {"MX": "10 mail.mx.example."},
    "address.example": {"A": "192.0.2.1"},
    "six.example": {"AAAA": "2001:db8::1"},
    "null.example": {"MX": "0 .", "A": "192.0.2.2"},
    "web.example": {"TXT": '"no mail here"'},
    "broken.example": {"FAIL": ""},
    "silent.example": None,
    "xn--fiq228c.example": {"MX": "10 mail.mx.example."},
}


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    with NameServer(ZONES) as server:
        yield server


def ask(server: NameServer, *domains: str, seconds: float = 30) -> dict[str, Mail]:
    return dict(mail_domains.ask(domains, lambda _done: None, server.resolver, seconds))


@pytest.mark.parametrize("domain", ["mx.example", "address.example", "six.example", "xn--fiq228c.example"])
def test_a_domain_that_takes_mail(server: NameServer, domain: str) -> None:
    assert ask(server, domain) == {}


@pytest.mark.parametrize(
    ("domain", "mail"),
    [
        ("gone.example", Mail.NO_DOMAIN),
        ("null.example", Mail.NO_MAIL),
        ("web.example", Mail.NO_MAIL),
        ("broken.example", Mail.UNASKED),
        ("silent.example", Mail.UNASKED),
    ],
)
def test_a_domain_that_does_not_simply_take_mail(server: NameServer, domain: str, mail: Mail) -> None:
    assert ask(server, domain) == {domain: mail}


def test_an_address_counts_only_where_there_is_no_mx(server: NameServer) -> None:
    before = len(server.asked)
    ask(server, "mx.example")
    ask(server, "null.example")
    assert server.asked[before:] == [("mx.example", "MX"), ("null.example", "MX")]


def test_many_are_asked_and_each_is_counted(server: NameServer) -> None:
    domains = [f"gone{number}.example" for number in range(300)]
    told: list[int] = []
    found = mail_domains.ask([*domains, "mx.example"], told.append, server.resolver)
    assert dict(found) == dict.fromkeys(domains, Mail.NO_DOMAIN)
    assert told == list(range(1, 302))


def test_the_time_is_bounded_and_what_was_not_asked_is_not_accused(server: NameServer) -> None:
    domains = ["gone.example", *["silent.example"] * mail_domains.AT_ONCE, "null.example"]
    assert ask(server, *domains, seconds=0.2)["null.example"] is Mail.UNASKED


def test_where_nobody_can_be_asked(server: NameServer) -> None:
    nobody = Resolver(configure=False)
    assert mail_domains.ask(["mx.example"], lambda _done: None, nobody) == {"mx.example": Mail.UNASKED}


@pytest.fixture
def listed(site: Site, server: NameServer, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site with addresses in domains of the name server's."""
    monkeypatch.setattr(mail_domains, "system_resolver", lambda: server.resolver)
    departments = {"市甲局": ["a@mx.example", "a@gone.example"], "市乙局": ["b@null.example"]}
    site.write_list({"有关部门": departments, "各会员单位": {"丙公司": ["c@silent.example", "c@中文.example"]}})
    return site


def test_the_command_asks_only_when_it_is_told_to(listed: Site, server: NameServer) -> None:
    before = len(server.asked)
    ran = listed.run("recipients", "check", "--json")
    assert (ran.code, ran.json["findings"]) == (0, [])
    assert len(server.asked) == before


def test_the_command_tells_the_domains(listed: Site) -> None:
    ran = listed.run("recipients", "check", "--dns", "--json")
    assert ran.code == 1
    assert [(each["code"], each["message"]) for each in ran.json["findings"]] == [
        ("no-such-domain", "there is no domain gone.example: 1 contact cannot get letters"),
        ("takes-no-mail", "the domain null.example takes no mail: 1 contact cannot get letters"),
        ("unasked-domain", "the DNS could not be asked about 1 domain: silent.example"),
    ]


def test_the_command_names_the_first_contact_of_a_domain(listed: Site) -> None:
    ran = listed.run("recipients", "check", "--dns")
    lines = (listed.folder / "recipients.yaml").read_text("utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "gone.example" in text)
    assert f"recipients.yaml:{line}: there is no domain gone.example" in ran.out
