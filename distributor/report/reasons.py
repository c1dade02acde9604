"""Why a delivery stands as it does, in plain words, and what to do about it.

A sentence stands beside a slug only if it is true whenever that slug is given. What is not known is said to be unknown,
and the server's own words are always shown beside it.
"""

from dataclasses import dataclass

from distributor.delivery.model.records import DeliveryRecord, OmittedRecord
from distributor.delivery.model.states import State
from distributor.i18n import _, sentences
from distributor.report import chat_reasons
from distributor.report.words import Words


@dataclass(frozen=True, slots=True)
class Explanation:
    """What happened, and what a person does next ("" for nothing). Both in the reader's language."""

    sentence: str
    next_step: str


def explain(record: DeliveryRecord, issue: str = "ISSUE") -> Explanation:
    """Why *record* is in its state, and what to do; commands name the issue as *issue*."""
    return explain_state(record.state, record.reason, issue)


def explain_state(state: State, reason: str | None, issue: str = "ISSUE") -> Explanation:
    """As explain(), of all that are in *state* for *reason*."""
    if state is State.SENT and reason in _IN_DOUBT:
        return Explanation(_("It was settled as sent: a person learnt that it had arrived."), "")
    if words := _STATES.get(state):
        sentence, step = words()
    else:
        sentence, step = _REASONS.get(reason or "unknown", _unknown)()
    step = step.format(issue=issue)
    if state is State.DEFERRED and reason in BLOCKING:
        step = sentences(step, _("Until that is done it is held back; `distributor release` lists it and lets it go."))
    elif state is State.DEFERRED and reason not in PAUSING:
        step = _by_itself(step)
    return Explanation(sentence, step)


def explain_flow(name: str, reason: str, *, blocked: bool) -> Explanation:
    """Why the letters of a relay or destination called *name* wait: until a person releases it, else for a while."""
    sentence, step = (_OF_FLOWS.get(reason) or _REASONS.get(reason) or _unknown_of_flows)()
    step = step.format(issue="ISSUE")
    return Explanation(sentence, _until_released(step, name) if blocked else _by_itself(step))


def explain_quota(name: str) -> Explanation:
    """Why no more letters of a relay or destination called *name* go today."""
    sentence = _("As many letters as the quota of {name} allows have gone today.").format(name=name)
    return Explanation(sentence, _("It goes on by itself tomorrow; per_day in relays.yaml says how many."))


def _until_released(step: str, name: str) -> str:
    let_go = _("Until that is done it is held back; then `distributor release {domain}` lets it go.")
    return sentences(step, let_go.format(domain=f'"{name}"' if " " in name else name))


def _by_itself(step: str) -> str:
    lasting = _("If it lasts: {step}").format(step=step) if step else ""
    return sentences(_("It is tried again by itself."), lasting)


def explain_omitted(record: OmittedRecord, issue: str = "ISSUE") -> Explanation:
    """Why a contact or name that the imprint reached was not written to."""
    sentence, step = _OMITTED[record.why]()
    return Explanation(sentence.format(detail=record.detail), step.format(issue=issue))


def knows(reason: str) -> bool:
    """Whether there are words for this slug."""
    return reason in _REASONS


_STATES: dict[State, Words] = {
    State.QUEUED: lambda: (_("It waits for its turn."), ""),
    State.CLAIMED: lambda: (_("A worker has it in hand; nothing has left yet."), ""),
    State.HANDING_OVER: lambda: (_("It is on its way into the relay at this moment."), ""),
    State.SENT: lambda: (_("The relay took it."), ""),
    State.DELIVERED: lambda: (_("The far side confirmed that it arrived."), ""),
    State.BOUNCED: lambda: (_("The relay took it, but the far side sent it back."), _new_address()),
    State.CANCELLED: lambda: (
        _("The issue was cancelled before this letter was sent."),
        _("To send it after all: `distributor send FILE --again REASON`."),
    ),
    State.SUPPRESSED: lambda: (_("It was withheld by a person's decision."), ""),
}

# A letter that a person settled keeps the reason of its doubt: no relay said that it took it.
_IN_DOUBT = frozenset({"no-answer", "lease-expired"})

# In the other states a delivery's reason tells why.
TOLD_BY_REASON = frozenset(State) - _STATES.keys()


def telling(record: DeliveryRecord) -> tuple[State, str | None]:
    """What *record* is counted under, and explained by: its state, and its reason where that tells why."""
    return record.state, record.reason if record.state in TOLD_BY_REASON else None


_OMITTED: dict[str, Words] = {
    "disabled": lambda: (
        _("The list has it as disabled: {detail}"),
        _("If it is to have the letter, delete `disabled` there, then `distributor resend {issue} --missing`."),
    ),
    "unresolved": lambda: (
        _("The list has no audience of this name; it was left out, as you allowed."),
        _("Add it to the audiences of the list, then `distributor resend {issue} --missing`."),
    ),
    "empty": lambda: (
        _("No unit of this audience had an enabled contact."),
        _("Add units or contacts to it in the list, then `distributor resend {issue} --missing`."),
    ),
}


def _new_address() -> str:
    return _("Ask the unit for an address that works, correct the list, then `distributor resend {issue} --missing`.")


def _ask_and_resend() -> str:
    return _(
        "Ask the recipient's mail administrator to let our letters in, then `distributor resend {issue} --failed`."
    )


def _other_way() -> str:
    return _("Agree on another way with the unit: another address, or a letter without attachments.")


def _doctor() -> str:
    return _("see what `distributor doctor` says of the relay.")


def _ask_relay() -> str:
    return _("show the answer to the administrator of the relay.")


def _ask_provider() -> str:
    return _("the administrator of the relay has to settle it with the provider that refuses.")


def _ask_domain() -> str:
    return _("the administrator of the sender's domain has to mend its SPF, DKIM and DMARC records.")


def _broke_off() -> tuple[str, str]:
    return _("The attempt broke off before the letter was handed over."), _doctor()


def _unknown() -> tuple[str, str]:
    return (
        _("The reason is not one that this program knows; see the server's own words."),
        _("Show them to the administrator of the relay; once it is mended, `distributor resend {issue} --failed`."),
    )


# These reasons pause their issue: our own login or sender is refused, for every letter alike.
PAUSING = frozenset({"login-refused", "login-needed", "sender-refused"})
# These block a destination, or our relay: it refuses every letter for the sake of something that a person must mend.
BLOCKING = frozenset(
    {
        "bad-commands", "content-refused", "dmarc-refused", "forged-senders", "relay-blocklisted", "relay-not-allowed",
        "sender-differs", "sender-not-permitted", "sender-unauthenticated", "spf-refused", *chat_reasons.BLOCKING,
    }
)  # fmt: skip

_OURS: dict[str, Words] = {
    "lost-connect": lambda: (_("There was no connection to the relay."), _doctor()),
    "lost-greeting": lambda: (_("The relay was reached and gave no usable greeting."), _doctor()),
    "lost-ehlo": lambda: (_("The relay gave no usable answer when we introduced ourselves (EHLO)."), _doctor()),
    "lost-starttls": lambda: (_("The connection to the relay could not be made secure (STARTTLS)."), _doctor()),
    "lost-auth": lambda: (_("The relay gave no usable answer to our login."), _doctor()),
    "lost-mail": _broke_off,
    "lost-rcpt": _broke_off,
    "lost-data": _broke_off,
    "lost-dot": _broke_off,
    "relay-refused": lambda: (_("The relay refused us before any letter was named."), _ask_relay()),
    "tls-refused": lambda: (_("The relay refused to make the connection secure (STARTTLS)."), _ask_relay()),
    "login-put-off": lambda: (_("The relay did not accept our login for the time being."), _doctor()),
    "login-refused": lambda: (
        _("The relay refused our login."),
        _(
            "Check the relay's user and password in DISTRIBUTOR_RELAY or relays.yaml (many providers want an app "
            "password, 授权码) with `distributor doctor`, then `distributor resume {issue}`."
        ),
    ),
    "login-needed": lambda: (
        _("The relay takes letters only after a login."),
        _(
            "Write the relay's user and password into DISTRIBUTOR_RELAY or relays.yaml, "
            "then `distributor resume {issue}`."
        ),
    ),
    "sender-refused": lambda: (
        _("The relay refused to take a letter from our sender address."),
        _(
            "Have the relay allow this sender, then `distributor resume {issue}`. An open issue keeps its sender: for "
            "another one, cancel it, change DISTRIBUTOR_FROM and send with --again."
        ),
    ),
    "relay-denied": lambda: (
        _("The relay does not pass letters on to this address for us."),
        _(
            "Write the relay's user and password into DISTRIBUTOR_RELAY or relays.yaml, or have its administrator "
            "allow it, then `distributor resend {issue} --failed`."
        ),
    ),
    "unexpected-reply": lambda: (_("The server's answer makes no sense at that step."), _ask_relay()),
    "out-of-sequence": lambda: (_("The server found our commands in the wrong order."), _ask_relay()),
    "bad-commands": lambda: (_("The server counted too many wrong commands from us."), _ask_relay()),
    "connection-used-up": lambda: (_("The server takes only so many letters through one connection."), ""),
    "too-many-recipients": lambda: (_("The server took no more recipients at that moment."), _ask_relay()),
    "no-answer": lambda: (
        _("It was handed over, and no clear answer came back: it may have arrived, or not."),
        _(
            "Ask the unit. If it has the letter: `distributor resolve {issue} --sent ADDRESS`; if not, or nobody can "
            "be asked, `distributor resend {issue} --uncertain` sends it again."
        ),
    ),
    "lease-expired": lambda: (
        _("The process that was handing it over ended without a result: it may have arrived, or not."),
        _(
            "Ask the unit. If it has the letter: `distributor resolve {issue} --sent ADDRESS`; if not, or nobody can "
            "be asked, `distributor resend {issue} --uncertain` sends it again."
        ),
    ),
    "not-made": lambda: (
        _("This letter could not be put together; the others are not concerned."),
        _("It is a fault of the program: show the words below to whoever looks after it."),
    ),
    "too-old": lambda: (
        _("It was tried again and again until it was too old; the last answer is shown."),
        _("Mend what the answer names, then `distributor resend {issue} --failed`."),
    ),
}

_PUT_OFF: dict[str, Words] = {
    "temporary": lambda: (_("The server asked us to try again later."), _ask_relay()),
    "closing": lambda: (_("The server ended the conversation for the time being."), _ask_relay()),
    "greylisted": lambda: (_("The server lets letters from new senders wait at first (greylisting)."), ""),
    "rate-limited": lambda: (
        _("The server takes only so many letters or connections from us in a given time."),
        _("lower DISTRIBUTOR_CONNECTIONS, or ask the provider for more."),
    ),
    "quota-used-up": lambda: (
        _("The quota of letters that the server allows us is used up."),
        _("ask the provider for a larger quota."),
    ),
    "mailbox-full": lambda: (_("The recipient's mailbox is full."), _("tell the unit by telephone.")),
    "mailbox-busy": lambda: (_("The mailbox takes no letters for the moment."), _("tell the unit by telephone.")),
    "system-full": lambda: (
        _("The receiving mail system is short of room or other means at the moment."),
        _("tell the unit by telephone."),
    ),
    "looks-like-spam": lambda: (
        _("The server takes the letter for spam at the moment."),
        _("ask the recipient's mail administrator to let our letters in."),
    ),
    "sender-reputation": lambda: (
        _("The server distrusts our relay: too many letters from it went to recipients that do not exist."),
        _("clean the list of addresses that do not exist."),
    ),
    "forged-senders": lambda: (_("The server saw forged senders in letters from our relay."), _ask_provider()),
    "relay-blocklisted": lambda: (
        _("The server blocks the network address that our letters come from (a blocklist)."),
        _ask_provider(),
    ),
    "relay-not-allowed": lambda: (
        _("The server takes no letters from the network address that ours come from."),
        _ask_provider(),
    ),
    "sender-not-permitted": lambda: (
        _("The server takes letters only from senders on its list, and ours is not on it."),
        _("ask the recipient's mail administrator to put our sender address on it."),
    ),
    "sender-differs": lambda: (
        _("The server found another sender in the letter than in its envelope."),
        _("let DISTRIBUTOR_FROM be the relay's login; an open issue keeps its sender: cancel it, send with --again."),
    ),
    "spf-refused": lambda: (_("The sender's domain does not list our relay as its own (SPF)."), _ask_domain()),
    "dmarc-refused": lambda: (_("The letter fails the rules of its sender's own domain (DMARC)."), _ask_domain()),
    "sender-unauthenticated": lambda: (
        _("The server wants proof that the letter is from its sender's domain, and found none."),
        _ask_domain(),
    ),
}

_REFUSED: dict[str, Words] = {
    "no-such-mailbox": lambda: (_("There is no such mailbox."), _new_address()),
    "no-such-domain": lambda: (_("No mail can be sent to the domain of this address."), _new_address()),
    "bad-address": lambda: (_("The server does not take this for an address."), _new_address()),
    "mailbox-moved": lambda: (_("The mailbox has moved, and its letters are not forwarded."), _new_address()),
    "mailbox-disabled": lambda: (_("The mailbox is disabled."), _new_address()),
    "takes-no-mail": lambda: (_("This address takes no mail."), _new_address()),
    "address-not-supported": lambda: (
        _("The server cannot handle addresses with letters beyond A to Z."),
        _new_address(),
    ),
    "blocked-by-recipient": lambda: (_("The recipient has blocked our sender."), _ask_and_resend()),
    "content-refused": lambda: (
        _("The server refused the letter as spam, or for something that is in it."),
        _ask_and_resend(),
    ),
    "policy": lambda: (_("The server refused the letter by a rule of its own."), _ask_and_resend()),
    "too-large": lambda: (_("The letter is larger than the server or the mailbox allows."), _other_way()),
    "storage-exceeded": lambda: (
        _("The letter needs more room than the server or the mailbox has."),
        _other_way(),
    ),
    "unknown": _unknown,
}

_REASONS = _OURS | _PUT_OFF | _REFUSED | dict(chat_reasons.REASONS)


def _unknown_of_flows() -> tuple[str, str]:
    return _unknown()[0], _ask_relay()


def _login() -> str:
    return _("Check the relay's user and password in DISTRIBUTOR_RELAY or relays.yaml with `distributor doctor`.")


# Where the words for a letter name a command that sends it once more: letters that wait for a flow need none.
_OF_FLOWS: dict[str, Words] = {
    "login-refused": lambda: (_OURS["login-refused"]()[0], _login()),
    "login-needed": lambda: (_OURS["login-needed"]()[0], _login()),
    "sender-refused": lambda: (_OURS["sender-refused"]()[0], _("Have the relay allow this sender.")),
    "relay-denied": lambda: (_OURS["relay-denied"]()[0], _login()),
    "content-refused": lambda: (
        _REFUSED["content-refused"]()[0],
        _("ask the recipient's mail administrator to let our letters in."),
    ),
    "unknown": _unknown_of_flows,
}
