"""What is wrong with a template, said with its name and line instead of Jinja's traceback."""

from collections.abc import Iterable
from traceback import walk_tb

from jinja2.exceptions import SecurityError, TemplateNotFound, TemplateSyntaxError, UndefinedError

from distributor.errors import Finding, Place, Severity
from distributor.i18n import _
from distributor.recipients.faults import nearest
from distributor.render.fields import NotForAllError


def template_fault(error: Exception, templates: Iterable[str], otherwise: Place, part: str = "") -> Finding:
    """*error* as a finding at the innermost of *templates* that it came through, else at the place *otherwise*.

    *part* names the text of the list (``greeting``) that was being rendered there.
    """
    where = _place(error, frozenset(templates)) or otherwise
    code, message, remedy = _explained(error, templates)
    return Finding(Severity.ERROR, code, f"{part}: {message}" if part else message, where, remedy)


def _place(error: Exception, templates: frozenset[str]) -> Place | None:
    if isinstance(error, TemplateSyntaxError) and error.name:
        return Place(error.name, error.lineno)
    frames = [Place(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    return next((place for place in reversed(frames) if place.file in templates), None)


def _explained(error: Exception, templates: Iterable[str]) -> tuple[str, str, str]:
    if isinstance(error, TemplateNotFound):
        return _missing(str(error.name), templates)
    compare = _("mend this line; a new site (`distributor init DIR`) has templates to compare")
    if isinstance(error, TemplateSyntaxError):
        message = _("the template cannot be understood: {why}").format(why=error.message)
        return "template-syntax", message, compare
    if isinstance(error, NotForAllError):
        message = _("a message to a chat group is one for all who read it: {why}").format(why=error.message)
        return "chat-field", message, _("take it out here; letters may have it")
    if isinstance(error, UndefinedError):
        message = _("the template uses a name that does not exist: {why}").format(why=error.message)
        return "template-undefined", message, _("correct the name; templates/base.html.j2 lists them at its head")
    if isinstance(error, SecurityError):
        message = _("the template does what templates may not do: {why}").format(why=error)
        return "template-refused", message, _("templates may only print what they are given; remove this")
    message = _("the template fails: {why}").format(why=f"{type(error).__name__}: {error}")
    return "template-failed", message, compare


def _missing(name: str, templates: Iterable[str]) -> tuple[str, str, str]:
    message = _("there is no template {name}").format(name=name)
    known = nearest(name, templates) or sorted(templates)
    return "template-missing", message, _("there are: {names}").format(names=", ".join(known))
