"""How a session begins: connect, greeting, EHLO, STARTTLS, AUTH (RFC 5321 3.1, 3207, 4954). Never plaintext by mistake.

Credentials require TLS; without credentials TLS is used where it is offered. A server that offers less, or cannot prove
who it is, is an error at that phase: whoever can take an offer away could read what follows.
"""

import functools
import ssl
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from distributor.delivery.channels.answers import Answer
from distributor.delivery.channels.dialogue import Dialogue, InsecureError, LostError
from distributor.delivery.channels.offer import Offer
from distributor.delivery.model.channel import Phase, Reply, SessionError
from distributor.errors import ConfigurationError, Finding, Severity
from distributor.i18n import _
from distributor.settings import Relay


def new_tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies certificate and host name against the system's authorities, and those of *ca_file* besides.

    Raises:
        ConfigurationError: *ca_file* cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    try:
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except OSError as error:  # SSLError is an OSError
        message = _("the certificates in {file} cannot be used: {error}").format(file=ca_file, error=error)
        remedy = _("DISTRIBUTOR_CA_FILE names a file of certificates in PEM form")
        raise ConfigurationError([Finding(Severity.ERROR, "bad-ca-file", message, remedy=remedy)]) from None
    return context


tls_context = functools.cache(new_tls_context)


@dataclass(frozen=True, slots=True)
class Opening:
    """How sessions with *relay* begin. *helo* is our name for EHLO; *timeout* (s) is for each step."""

    relay: Relay
    helo: str
    timeout: float
    ca_file: Path | None

    async def open(self) -> tuple[Dialogue, Offer]:
        """A session that is ready for MAIL, and what the server offers on it.

        Raises:
            SessionError: with the phase that failed.
        """
        dialogue = await self._connect()
        try:
            await self.ask(dialogue, Phase.GREETING, None, 220)
            offer = await self._hello(dialogue)
            if not self.relay.tls and await self._starttls(dialogue, offer):
                offer = await self._hello(dialogue)  # RFC 3207 4.2: what was said in the clear is forgotten
            if self.relay.user is not None:
                await self._login(dialogue, offer)
        except BaseException:
            await dialogue.close()
            raise
        return dialogue, offer

    async def _connect(self) -> Dialogue:
        tls = tls_context(self.ca_file) if self.relay.tls else None
        try:
            return await Dialogue.connect(self.relay.host, self.relay.port, self.timeout, tls)
        except LostError as lost:
            raise SessionError(lost.reply(Phase.CONNECT, str(self.relay))) from None
        except InsecureError as error:
            raise self._unusable(Phase.STARTTLS, str(error)) from None

    async def _hello(self, dialogue: Dialogue) -> Offer:
        """EHLO; HELO for a server that does not know it (RFC 5321 3.2), which then offers nothing."""
        answer = await self._say(dialogue, Phase.EHLO, f"EHLO {self.helo}")
        if answer.code >= 500:
            await self.ask(dialogue, Phase.EHLO, f"HELO {self.helo}", 250)
            return Offer()
        self._expect(answer, Phase.EHLO, 250)
        return Offer.of(answer)

    async def _starttls(self, dialogue: Dialogue, offer: Offer) -> bool:
        """Whether the dialogue is secure now; only without credentials it may go on in the clear."""
        if not offer.starttls:
            if self.relay.user is not None:
                raise self._unusable(Phase.STARTTLS, _("the relay offers no STARTTLS, and a login needs it"))
            return False
        await self.ask(dialogue, Phase.STARTTLS, "STARTTLS", 220)
        try:
            await dialogue.secure(tls_context(self.ca_file), self.relay.host)
        except InsecureError as error:
            raise self._unusable(Phase.STARTTLS, str(error)) from None
        return True

    async def _login(self, dialogue: Dialogue, offer: Offer) -> None:
        """AUTH PLAIN (RFC 4616), else LOGIN. Both show the password to the server, so only over TLS."""
        user, password = self.relay.user or "", self.relay.password or ""
        if dialogue.tls_version is None:
            raise self._unusable(Phase.AUTH, _("no login without TLS"))
        if "PLAIN" in offer.auth:
            await self.ask(dialogue, Phase.AUTH, "AUTH PLAIN " + _base64(f"\0{user}\0{password}"), 235)
        elif "LOGIN" in offer.auth:
            await self.ask(dialogue, Phase.AUTH, "AUTH LOGIN", 334)
            await self.ask(dialogue, Phase.AUTH, _base64(user), 334)
            await self.ask(dialogue, Phase.AUTH, _base64(password), 235)
        else:
            raise self._unusable(Phase.AUTH, _("the relay offers no login that we know (AUTH PLAIN or LOGIN)"))

    async def ask(self, dialogue: Dialogue, phase: Phase, command: str | None, wanted: int) -> None:
        """Say *command* (None: the server speaks first) and insist on *wanted*."""
        self._expect(await self._say(dialogue, phase, command), phase, wanted)

    async def _say(self, dialogue: Dialogue, phase: Phase, command: str | None) -> Answer:
        try:
            if command is not None:
                dialogue.send(f"{command}\r\n".encode())
            return await dialogue.answer()
        except LostError as lost:
            raise SessionError(lost.reply(phase, str(self.relay))) from None

    def _expect(self, answer: Answer, phase: Phase, wanted: int) -> None:
        if answer.negative:
            raise SessionError(answer.reply(phase, str(self.relay)))
        if answer.code != wanted:
            raise self._unusable(phase, _("the relay speaks out of turn: {answer}").format(answer=answer))

    def _unusable(self, phase: Phase, text: str) -> SessionError:
        """An error in our own words: the server has not refused anything."""
        return SessionError(Reply(phase, None, None, text, relay=str(self.relay)))


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()
