"""Proof before the real thing: a test letter to oneself, and whether every part of the site works."""

import asyncio
import dataclasses
import datetime as dt
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from distributor.bulletin import reader
from distributor.delivery.channels import smtp
from distributor.delivery.ledger import migrate
from distributor.delivery.ledger.database import Database
from distributor.delivery.model.channel import Parcel, Phase, Reply, SessionError
from distributor.delivery.model.chat_secrets import WEBHOOKS
from distributor.delivery.model.flow import Way
from distributor.distribution import chat
from distributor.distribution.by_hand import hand_over, told
from distributor.distribution.opening import headers_for, read_attachments
from distributor.distribution.planning import Plan, read_templates, render_letters, render_posts
from distributor.distribution.site import Site
from distributor.distribution.ways import READ_TIMEOUT, chat_channel, helo, mail_channels
from distributor.endpoints import MAIL, Endpoint, Kind, channel_of
from distributor.errors import DistributorError, Finding, InputError, Severity
from distributor.i18n import _, ngettext
from distributor.recipients import listing, loader
from distributor.recipients.addresses import why_not_mailbox
from distributor.recipients.model import GroupName
from distributor.relays.model import LONE, Relay
from distributor.relays.reader import domain_of
from distributor.relays.words import in_words
from distributor.render.message import Attachment, Headers, compile_letter, message_id
from distributor.settings import DEFAULT_SENDER, Settings

TEST_MARK = "【测试】"
# Has everything that a template may show, so that doctor finds what would break in a letter.
SPECIMEN = """试刊
第1期
（总第1期）
编发单位
2026年1月1日

〈 栏目 〉

标题

正文。（来源：出处）

送：某单位
"""


@dataclass(frozen=True, slots=True)
class Test:
    """What became of one group's test letter; *outbox* is set where it stayed on this machine."""

    group: str
    subject: str
    sent: bool
    reply: str
    outbox: Path | None


def send_to_self(site: Site, plan: Plan, address: str, attach: Sequence[Path] = ()) -> list[Test]:
    """Send each group's letter, as its first recipient would get it, to *address* alone; opens no issue.

    To a chat endpoint goes what each group's endpoints are posted.

    Raises:
        InputError: *address* is none, or an attachment cannot be read; or the template of a post has faults.
    """
    if channel_of(address) != MAIL:
        return _post_to_self(site, plan, Endpoint.parse(address))
    if why := why_not_mailbox(address):
        said = _("{email} is not an e-mail address: {why}").format(email=address, why=why)
        raise InputError([Finding(Severity.ERROR, "bad-address", said)])
    headers = headers_for(site, site.settings.sender, plan.bulletin, dt.datetime.now(dt.UTC))
    letters = list(_test_letters(plan, headers, address, read_attachments(attach)))
    with mail_channels(site.settings) as (channels, outbox):
        replies = asyncio.run(_by_their_relays(channels, letters, domain_of(headers.sender)))
    return [
        Test(group, subject, *told(replies[parcel.delivery_id], address), outbox) for group, subject, parcel in letters
    ]


def _post_to_self(site: Site, plan: Plan, endpoint: Endpoint) -> list[Test]:
    marked = dataclasses.replace(plan.bulletin, masthead=f"{TEST_MARK}{plan.bulletin.masthead or ''}")
    names = [GroupName(group.name) for group in plan.groups]
    posts = render_posts(marked, plan.roster.groups, plan.templates, {name: [endpoint.kind] for name in names})
    # No delivery of the ledger has such a number.
    parcels = {
        name: Parcel(-place, 1, site.settings.sender, str(endpoint), posts[name][endpoint.kind])
        for place, name in enumerate(names, 1)
    }
    replies = asyncio.run(hand_over(chat_channel(site.settings, endpoint.kind), list(parcels.values())))
    outbox = site.settings.outbox / "chat" if site.settings.chat_stays_home else None
    return [
        Test(name, TEST_MARK, *told(replies[parcel.delivery_id], parcel.address), outbox)
        for name, parcel in parcels.items()
    ]


def _test_letters(
    plan: Plan, headers: Headers, address: str, files: Sequence[Attachment]
) -> Iterator[tuple[str, str, Parcel]]:
    """Group, subject and message of each test letter."""
    uid = secrets.token_hex(8)
    for position, group in enumerate(plan.groups, 1):
        if fields := plan.first(group.name):
            letter = plan.letter(group.name, fields)
            letter = dataclasses.replace(letter, subject=letter.subject.prefixed(TEST_MARK))
            identity = message_id(uid, position, 1, headers.domain)
            message = compile_letter(letter, headers, files).message(
                delivery_id=position, message_id=identity, address=address, fields=fields
            )
            subject = letter.subject.filled(fields.plain())
            yield group.name, subject, Parcel(position, 1, headers.sender, address, message)


async def _by_their_relays(
    channels: Sequence[tuple[Way, smtp.SmtpChannel]], letters: Sequence[tuple[str, str, Parcel]], sender_domain: str
) -> dict[int, Reply]:
    """Each letter by the first relay that carries its group; a site without one for each group was refused."""
    replies: dict[int, Reply] = {}
    for way, channel in channels:
        mine = [
            parcel
            for group, _subject, parcel in letters
            if way.carries(group, sender_domain) and parcel.delivery_id not in replies
        ]
        if mine:
            replies |= await hand_over(channel, mine)
    return replies


class Health(StrEnum):
    """How one part of the site is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One part of the site that doctor looked at."""

    part: str
    health: Health
    message: str
    remedy: str | None = None


def doctor(settings: Settings) -> Iterator[Check]:
    """Look at every part in turn: settings, list, templates, ledger, sender, relay, broker. Sends nothing."""
    parts: list[tuple[str, Callable[[Settings], Iterator[Check]]]] = [
        (_("settings"), _check_settings),
        (_("recipient list"), _check_list),
        (_("templates"), _check_templates),
        (_("ledger"), _check_ledger),
        (_("sender"), _check_sender),
        (_("relay"), _check_relay),
        (_("limits"), _check_limits),
        (_("chat"), _check_chat),
        (_("broker"), _check_broker),
    ]
    for part, look in parts:
        try:
            for check in look(settings):
                yield dataclasses.replace(check, part=part)
        except DistributorError as error:
            for finding in error.findings:
                where = f"{finding.place}: " if finding.place else ""
                yield Check(part, Health.ERROR, where + finding.message, finding.remedy)


def _check_settings(settings: Settings) -> Iterator[Check]:
    file = settings.site / ".env"
    if file.is_file() and (mode := stat.S_IMODE(file.stat().st_mode)) & 0o077:
        message = _("others on this machine can read {file} (mode {mode:o}), and it may hold a password")
        yield Check(
            "", Health.WARNING, message.format(file=file, mode=mode), _("run `chmod 600 {file}`").format(file=file)
        )
    else:
        yield Check("", Health.OK, str(settings.site))


def _check_list(settings: Settings) -> Iterator[Check]:
    roster = loader.load(settings.recipients)
    text = _("{audiences} audiences, {units} units").format(audiences=len(roster.audiences), units=len(roster.units))
    yield Check("", Health.OK, text)
    for finding in roster.findings:
        yield Check("", Health.WARNING, str(finding))


def _check_templates(settings: Settings) -> Iterator[Check]:
    templates = read_templates(settings.templates)
    roster = loader.load(settings.recipients)
    render_letters(reader.read(SPECIMEN.encode(), "specimen"), roster, roster.groups, templates)
    count = len(templates)
    yield Check("", Health.OK, ngettext("{n} template", "{n} templates", count).format(n=count))


def _check_ledger(settings: Settings) -> Iterator[Check]:
    database = Database(settings.ledger)
    try:
        migrate.ready(database)
        with database.write() as connection:
            database.clock(connection)
    finally:
        database.close()
    yield Check("", Health.OK, _("{kind}, can be written").format(kind=database.dialect))


def _check_sender(settings: Settings) -> Iterator[Check]:
    if settings.relays and settings.sender == DEFAULT_SENDER:
        remedy = _("write DISTRIBUTOR_FROM=your-address into .env")
        yield Check("", Health.ERROR, _("there is no sender address"), remedy)
        return
    yield Check("", Health.OK, settings.sender)


def _check_relay(settings: Settings) -> Iterator[Check]:
    if not settings.relays:
        message = _("none is configured: letters stay in {outbox}, nobody is mailed").format(outbox=settings.outbox)
        yield Check("", Health.WARNING, message, _("write DISTRIBUTOR_RELAY=smtps://user:password@host:465 into .env"))
    domain = domain_of(settings.sender)
    for way, relay in zip(settings.rules.ways, settings.relays, strict=False):
        if any(way.carries(group, domain) for group in GroupName):
            yield _prove(settings, way, relay)
        else:
            message = _("{relay} carries no letters from {domain}: it was not asked")
            yield Check("", Health.WARNING, message.format(relay=_called(way, relay), domain=domain))


def _prove(settings: Settings, way: Way, relay: Relay) -> Check:
    """Whether *relay* lets us in, and what is asked of it."""
    proving = smtp.prove(
        relay, helo=helo(relay), timeout=READ_TIMEOUT, ca_file=settings.ca_file, sender=settings.sender
    )
    called = _called(way, relay)
    try:
        offer = asyncio.run(proving)
    except SessionError as error:
        said = f"{error.reply.code or ''} {error.reply.text}".strip()
        message = _("{relay}, {phase}: {said}").format(relay=called, phase=_step(error.reply.phase), said=said)
        return Check("", Health.ERROR, message, _phase_remedy(error.reply.phase))
    message = _("{relay} answers; {offer}").format(relay=called, offer=offer)
    return Check("", Health.OK, "; ".join(filter(None, [message, _carries(way), in_words(way.limits)])))


def _called(way: Way, relay: Relay) -> str:
    """Host and port, and the name that relays.yaml gives it."""
    return str(relay) if way.name == LONE else f"{way.name} ({relay})"


def _carries(way: Way) -> str:
    """``only 报 送``: what goes by this relay, where that is not everything."""
    only = [group for group in GroupName if group in way.groups]
    return _("only {what}").format(what=" ".join([*only, *sorted(way.senders)])) if only or way.senders else ""


def _check_chat(settings: Settings) -> Iterator[Check]:
    """Nothing of a site without chat; nor of a list that cannot be read, which is told already."""
    try:
        endpoints = list(dict.fromkeys(listing.endpoints(loader.load(settings.recipients))))
    except InputError:
        return
    for finding in chat.without_secret(settings, endpoints):
        yield Check("", Health.WARNING, finding.message, finding.remedy)
    if endpoints and settings.chat_stays_home:
        message = _("no relay is set: posts stay in {outbox}").format(outbox=settings.outbox / "chat")
        yield Check("", Health.WARNING, message)
        return
    for kind in dict.fromkeys(endpoint.kind for endpoint in endpoints):
        if kind is not Kind.APPRISE:
            yield _reached(settings, kind)


def _reached(settings: Settings, kind: Kind) -> Check:
    host = urlsplit(settings.chat_origin).netloc if settings.chat_origin else WEBHOOKS[kind].host
    if reason := chat.unreachable(settings, kind):
        message = _("{kind}: {host} cannot be reached: {why}").format(kind=kind, host=host, why=reason)
        return Check("", Health.ERROR, message, _("see that a firewall lets you through to it, and look at the clock"))
    return Check("", Health.OK, _("{kind}: {host} can be reached; nothing was posted").format(kind=kind, host=host))


def _check_limits(settings: Settings) -> Iterator[Check]:
    """What is set for destinations, and for the outbox, in words."""
    for destination in settings.rules.destinations:
        domains = " ".join(sorted(destination.domains))
        limits = in_words(destination.limits) or _("no limit")
        yield Check("", Health.OK, f"{destination.name} ({domains}): {limits}")
    if not settings.relays and (limits := in_words(settings.rules.ways[0].limits)):
        yield Check("", Health.OK, f"outbox: {limits}")


def _step(phase: Phase) -> str:
    """What was being done when the relay failed."""
    words = {
        Phase.CONNECT: _("when connecting"),
        Phase.GREETING: _("waiting for its greeting"),
        Phase.EHLO: _("when we introduced ourselves (EHLO)"),
        Phase.STARTTLS: _("when making the connection secure (STARTTLS)"),
        Phase.AUTH: _("when logging in (AUTH)"),
        Phase.MAIL: _("when naming the sender (MAIL FROM)"),
    }
    return words.get(phase, phase.value)


def _phase_remedy(phase: Phase) -> str:
    remedies = {
        Phase.CONNECT: _("check host and port, and that a firewall lets you through"),
        Phase.STARTTLS: _(
            "the connection cannot be made secure: ask the provider for host and port, or try smtps://…:465"
        ),
        Phase.AUTH: _(
            "check user and password (many providers want an app password, 授权码); "
            "in DISTRIBUTOR_RELAY they are percent-encoded"
        ),
        Phase.MAIL: _("the relay does not let this login send as DISTRIBUTOR_FROM: use the login's own address"),
    }
    return remedies.get(phase, _("show this answer to the administrator of the relay"))


def _check_broker(settings: Settings) -> Iterator[Check]:
    if settings.broker is None:
        yield Check("", Health.OK, _("none is configured: `send` delivers by itself"))
        return
    warning = broker_warning(settings.broker)
    yield warning or Check("", Health.OK, _("answers, and never evicts"))


def broker_warning(url: str) -> Check | None:
    """What is wrong with the Redis at *url*: not reachable, or one that may throw tasks away; None: nothing."""
    import redis  # noqa: PLC0415  only sites with a broker pay for it

    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except (redis.RedisError, ValueError, OSError) as error:
        remedy = _("check DISTRIBUTOR_BROKER and that Redis is running")
        return Check("broker", Health.ERROR, _("does not answer: {error}").format(error=error), remedy)
    if policy == "noeviction":
        return None
    return Check(
        "broker",
        Health.WARNING,
        _("Redis may throw tasks away when its memory is full (maxmemory-policy {policy})").format(policy=policy),
        _("run `redis-cli config set maxmemory-policy noeviction` and write it into redis.conf"),
    )
