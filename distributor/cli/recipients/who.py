"""`distributor recipients who`: all that is known of one address."""

from typing import Any

import click

from distributor.cli import changes, output
from distributor.cli.output import said
from distributor.delivery.model.records import DeliveryRecord
from distributor.distribution import who as known_of
from distributor.distribution.site import open_site
from distributor.distribution.who import Known, Sending, Standing
from distributor.i18n import _
from distributor.report.reasons import explain, explain_omitted
from distributor.report.states import state_word
from distributor.report.tables import delivery_json, omitted_json, one_line
from distributor.settings import Settings


@click.command(
    help=_(
        "Say all that is known of ADDRESS: where it stands in today's list, every change of it and of its units with "
        "when and by whom, and every issue that it was sent with what became of that.\n\n"
        "--json gives distributor.recipients-who/1: address, key (normalised), list (its contacts), changes (versions "
        "as in distributor.recipients-history/1), issues, findings. Exit code 2: nothing is known of it."
    )
)
@click.argument("address", metavar="ADDRESS")
@click.option("--json", "as_json", is_flag=True, help=_("the result as JSON on stdout"))
@click.pass_obj
def who(site_name: str | None, address: str, as_json: bool) -> None:
    with open_site(site_name) as site:
        known = known_of.who(site, address)
    if as_json:
        output.put_json(_document(known))
    else:
        _show(known, site.settings)


def _show(known: Known, settings: Settings) -> None:
    output.findings(known.findings)
    click.secho(known.address, bold=True)
    if not known.standings and not known.findings:
        click.echo(_("It is not in the list today."))
    for standing in known.standings:
        click.echo(f"  {_standing(standing)}")
    click.secho("\n" + _("Issues:"), bold=True)
    for sending in known.sendings:
        click.echo(f"  {_sending(sending, settings)}")
    if not known.sendings:
        click.echo("  " + _("It has been sent none."))
    click.secho("\n" + _("Changes:"), bold=True)
    for recorded in known.history:
        changes.show(recorded, settings)


def _standing(standing: Standing) -> str:
    contact = standing.contact
    who = f"{contact.unit} {contact.name}"
    if contact.role:
        who = _("{name} ({role})").format(name=who, role=contact.role)
    audiences = "、".join(standing.audiences) or _("in no audience: it gets nothing")
    parts = [who, audiences, str(standing.place)]
    if contact.disabled is not None:
        parts.append(_("disabled ({reason})").format(reason=contact.disabled))
    return "  ".join(parts)


def _sending(sending: Sending, settings: Settings) -> str:
    issue, record = sending.issue, sending.record
    if not isinstance(record, DeliveryRecord):
        when = output.local(issue.opened_at, settings)
        who = f"{record.unit} {record.name}"
        return f"{when}  {issue.ref}  {record.group}  {said(who, explain_omitted(record, issue.ref).sentence)}"
    when = output.local(record.settled_at or issue.opened_at, settings)
    why = said(state_word(record.state), explain(record, issue.ref).sentence)
    reply = one_line(" ".join(filter(None, (str(record.code or ""), record.enhanced, record.reply))))
    return f"{when}  {issue.ref}  {record.group}  {why}" + (f"\n      {reply}" if reply else "")


def _document(known: Known) -> dict[str, Any]:
    return {
        "schema": "distributor.recipients-who/1",
        "address": known.address,
        "key": known.key,
        "list": [_standing_json(standing) for standing in known.standings],
        "changes": [changes.version_document(recorded) for recorded in known.history],
        "issues": [_sending_json(sending) for sending in known.sendings],
        "findings": [output.finding_json(finding) for finding in known.findings],
    }


def _standing_json(standing: Standing) -> dict[str, Any]:
    contact = standing.contact
    return {
        "unit": contact.unit,
        "name": contact.name,
        "address": contact.email,
        "role": contact.role,
        "phone": contact.phone,
        "note": contact.note,
        "disabled": contact.disabled,
        "audiences": list(standing.audiences),
        "file": standing.place.file,
        "line": standing.place.line,
    }


def _sending_json(sending: Sending) -> dict[str, Any]:
    """An issue, and either the delivery or (left_out) why there was none."""
    issue, record = sending.issue, sending.record
    head = {"issue": output.issue_json(issue)}
    if isinstance(record, DeliveryRecord):
        return head | {"delivery": delivery_json(record, issue.ref), "left_out": None}
    return head | {"delivery": None, "left_out": omitted_json(record, issue.ref)}
