"""The Celery app: two bells. A task carries no data; it calls one function of distribution, which asks the ledger.

A lost, doubled or late task changes nothing but timing. Settings that an administrator may change are in the site's
celeryconfig.py; the broker's address comes from DISTRIBUTOR_BROKER.
"""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import Celery
from celery.beat import EmbeddedService, Scheduler
from celery.signals import worker_ready, worker_shutting_down
from kombu.exceptions import OperationalError

from distributor import settings as configuration
from distributor.distribution import delivering
from distributor.distribution.proving import broker_warning
from distributor.distribution.site import open_site, worker
from distributor.errors import ConfigurationError, DistributorError, Finding, Severity
from distributor.i18n import _

CONFIG = "celeryconfig.py"
IDLE = 2.0
EXPIRES = 60.0  # a bell that nobody heard by then: the schedule has rung since
_running: set[Callable[[], None]] = set()
_stopping = threading.Event()


def make_app() -> Celery:
    """The app of the site that this process works for.

    Raises:
        ConfigurationError: there is no site, or its settings cannot be used.
    """
    site = configuration.find_site()
    settings = configuration.load(site)
    if not (site / CONFIG).is_file():
        raise ConfigurationError([_no_config(site)])
    # `celery -A distributor.tasks` may be started anywhere; the site's celeryconfig.py is meant.
    sys.path.insert(0, str(site))
    made = Celery("distributor", broker=settings.broker)
    made.config_from_object("celeryconfig")
    return made


def _no_config(site: Path) -> Finding:
    message = _("there is no {name} in {folder}").format(name=CONFIG, folder=site)
    return Finding(
        Severity.ERROR, "no-celeryconfig", message, remedy=_("copy it from a new site: `distributor init DIR`")
    )


try:
    app = make_app()
except DistributorError as error:
    sys.exit(str(error))


@app.task(name="distributor.deliver")
def deliver() -> None:
    """Deliver what is due; returns within seconds of idleness.

    One bell wakes one worker. Where there is more to do than for one, it wakes the next, and so on.
    """
    if _stopping.is_set():
        return  # a warm shutdown still runs what the worker had reserved
    with open_site(actor=worker()) as site:
        if delivering.is_work_for_two(site):
            with contextlib.suppress(ConfigurationError):  # the broker is away: then it is one worker's work
                ring()
        with contextlib.ExitStack() as ended:
            delivering.deliver_due(site, idle=IDLE, on_start=lambda stop: _started(stop, ended))


def _started(stop: Callable[[], None], ended: contextlib.ExitStack) -> None:
    """*stop* is called when the worker is told to stop, until the task has *ended*; others may run beside it."""
    _running.add(stop)
    ended.callback(_running.discard, stop)
    if _stopping.is_set():
        stop()


@app.task(name="distributor.sweep")
def sweep() -> None:
    """Take back what dead workers held. The next bell delivers it."""
    with open_site(actor=worker()) as site:
        delivering.sweep(site)


def ring() -> None:
    """Ask the workers to look at the ledger.

    Raises:
        ConfigurationError: the broker does not answer. What was opened is safe: the next sweep rings for it.
    """
    try:
        deliver.apply_async(expires=EXPIRES)
    except OperationalError as error:
        message = _("the broker does not answer: {error}").format(error=error)
        remedy = _("check DISTRIBUTOR_BROKER and that Redis is running; `distributor doctor` tells more")
        raise ConfigurationError([Finding(Severity.ERROR, "broker", message, remedy=remedy)]) from error


def work() -> int:
    """Be a worker, with the schedule's clock in a thread beside it, until SIGTERM or Ctrl-C; returns the exit code."""
    # A thread and its memory: no schedule file is left in the working directory, no child outlives a killed worker.
    clock: Any = EmbeddedService(app, thread=True, scheduler_cls=Scheduler)
    clock.start()
    # Workers have nothing to tell one another, the ledger tells them all: no gossip, no mingling, no heartbeat, which
    # would keep a worker from stopping while the broker hangs.
    made = app.Worker(
        hostname=f"distributor-{os.getpid()}@{socket.gethostname()}",
        loglevel="INFO",
        pool_cls="threads",
        concurrency=1,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    made.start()
    return int(made.exitcode or 0)


@worker_ready.connect
def _start(**_sender: Any) -> None:
    """Look at the ledger at once, whatever the broker remembers; and say if it is one that forgets."""
    with contextlib.suppress(ConfigurationError):  # the schedule rings again
        ring()
    settings = configuration.load(configuration.find_site())
    if settings.broker and (check := broker_warning(settings.broker)):
        print(f"{check.message}\n    → {check.remedy}", file=sys.stderr)  # noqa: T201


@worker_shutting_down.connect
def _stop(**_sender: Any) -> None:
    """A warm shutdown waits for the task; the task is told to finish what is in flight and give back the rest."""
    _stopping.set()
    for stop in list(_running):
        stop()
