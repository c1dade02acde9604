"""Which domains take no mail, asked of the DNS (RFC 5321 5.1, RFC 7505): many at once, within a bounded time.

What the DNS does not answer in time is told as not asked. It is never taken for an answer.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from distributor.recipients.suspicions import Mail

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver
    from dns.name import Name

AT_ONCE = 20
ONE_TAKES = 6.0  # seconds at most, with everything that is asked about one domain
ALL_TAKE = 120.0


def ask(
    domains: Collection[str],
    told: Callable[[int], None],
    resolver: "Resolver | None" = None,
    seconds: float = ALL_TAKE,
) -> Mapping[str, Mail]:
    """Those of *domains* (IDNA's ASCII form) that do not simply take mail, in their order.

    *told* is given the number of domains done, after each. *resolver*: whom to ask, by default the system's. After
    *seconds* the rest is not asked.
    """
    found = asyncio.run(_ask(domains, told, resolver or system_resolver(), seconds))
    return {domain: mail for domain in domains if (mail := found.get(domain, Mail.UNASKED)) is not None}


def system_resolver() -> "Resolver":
    """The servers that this machine asks; none, if it is not said which they are."""
    from dns.asyncresolver import Resolver  # noqa: PLC0415  only --dns needs it
    from dns.resolver import NoResolverConfiguration  # noqa: PLC0415

    try:
        return Resolver()
    except NoResolverConfiguration:
        return Resolver(configure=False)


async def _ask(
    domains: Collection[str], told: Callable[[int], None], resolver: "Resolver", seconds: float
) -> dict[str, Mail | None]:
    """What the DNS says of each domain that was asked about; None: it takes mail."""
    left = iter(domains)
    found: dict[str, Mail | None] = {}

    async def ask_on() -> None:
        for domain in left:
            found[domain] = await _mail_of(domain, resolver)
            told(len(found))

    askers = [asyncio.create_task(ask_on()) for _number in range(AT_ONCE)]
    _done, late = await asyncio.wait(askers, timeout=seconds)
    for asker in late:
        asker.cancel()
    for outcome in await asyncio.gather(*askers, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    return found


async def _mail_of(domain: str, resolver: "Resolver") -> Mail | None:
    from dns.exception import DNSException  # noqa: PLC0415  only --dns needs it
    from dns.name import from_text  # noqa: PLC0415
    from dns.resolver import NXDOMAIN  # noqa: PLC0415

    try:
        async with asyncio.timeout(ONE_TAKES):
            return None if await _takes_mail(from_text(domain), resolver) else Mail.NO_MAIL
    except NXDOMAIN:
        return Mail.NO_DOMAIN
    except (DNSException, TimeoutError, OSError):
        return Mail.UNASKED


async def _takes_mail(domain: "Name", resolver: "Resolver") -> bool:
    """Whether it has an MX that is not the null MX, or no MX and an address of its own."""
    from dns.name import root  # noqa: PLC0415  only --dns needs it

    answer = await resolver.resolve(domain, "MX", raise_on_no_answer=False)
    if answer.rrset is not None:
        return any(record.exchange != root for record in answer)
    for kind in ("A", "AAAA"):
        if (await resolver.resolve(domain, kind, raise_on_no_answer=False)).rrset is not None:
            return True
    return False
