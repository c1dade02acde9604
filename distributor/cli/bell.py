"""The way to Celery: only where a broker is configured is it imported at all."""

import os
from pathlib import Path
from types import ModuleType

from distributor.delivery.model.records import IssueRecord
from distributor.distribution.site import Site
from distributor.errors import ConfigurationError, Finding, Severity
from distributor.i18n import _


def tasks_of(site: Path) -> ModuleType:
    """distributor.tasks with the Celery app of *site*.

    Raises:
        ConfigurationError: the app cannot be made.
    """
    # The app is made while its module is imported, as `celery -A` wants it; only so does --site reach it.
    os.environ["DISTRIBUTOR_SITE"] = str(site)
    try:
        from distributor import tasks  # noqa: PLC0415
    except SystemExit as error:
        raise ConfigurationError(str(error)) from None
    return tasks


def ring(site: Site, issue: IssueRecord) -> None:
    """Wake the workers for *issue*.

    Raises:
        ConfigurationError: the broker does not answer; says that the issue is open and what to do.
    """
    try:
        tasks_of(site.settings.site).ring()
    except ConfigurationError as error:
        message = _("issue {ref} is open and nothing of it is lost, but the workers could not be woken").format(
            ref=issue.ref
        )
        remedy = _(
            "running workers find it by themselves within a minute once the broker answers; "
            "`distributor resume {ref}` wakes them again and watches; `distributor status {ref}` tells how far it is"
        ).format(ref=issue.ref)
        finding = Finding(Severity.ERROR, "no-broker", message, remedy=remedy)
        raise ConfigurationError([*error.findings, finding]) from error
