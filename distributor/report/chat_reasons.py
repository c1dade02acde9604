"""Why a chat message stands as it does, in plain words, and what to do about it: for the slugs of chat_replies.tsv.

As in reasons.py, which this is joined to: a sentence is true whenever its slug is given, and the service's own words
are always shown beside it. {issue} stands for the issue's name.
"""

from collections.abc import Mapping
from types import MappingProxyType

from distributor.i18n import _
from distributor.report.words import Words


def _new_robot() -> str:
    return _(
        "Ask the unit to add a robot to its group and to send you its address; put that into .env in place of the old "
        "one, then `distributor resend {issue} --failed`."
    )


def _group_s_settings() -> str:
    return _("Ask whoever looks after the group to see to it: group settings, robot (群设置、群机器人).")


def _our_fault() -> str:
    return _("It is a fault of the program or of a template: show the words below to whoever looks after it.")


def _shorten() -> str:
    return _("Shorten the template in templates/chat/, and send the bulletin anew.")


def _by_and_by() -> str:
    return _("see the service's own words below.")


# These block their endpoint: the robot refuses every message for the sake of something that a person must mend.
BLOCKING = frozenset(
    {
        "apprise-missing", "apprise-no-service", "endpoint-without-secret", "robot-address", "robot-clock",
        "robot-forbidden", "robot-keyword", "robot-rules", "robot-signature", "robot-stopped",
    }
)  # fmt: skip

REASONS: Mapping[str, Words] = MappingProxyType(
    {
        "chat-unreachable": lambda: (
            _("There was no connection to the chat service."),
            _("see whether this machine reaches the service's host, and what `distributor doctor` says."),
        ),
        "chat-busy": lambda: (_("The chat service asked us to try again later."), _by_and_by()),
        "chat-rate-limited": lambda: (
            _("The robot takes only so many messages in a given time."),
            _("see whether other programs post by the same robot."),
        ),
        "chat-quota-used-up": lambda: (
            _("The organisation has used up the messages that the service lets its robots post."),
            _("ask the unit to have its quota raised."),
        ),
        "chat-message-refused": lambda: (_("The chat service does not take the message as it is made."), _our_fault()),
        "chat-content-refused": lambda: (
            _("The chat service refused the message for what is in it: a word, a link or a picture."),
            _("Tell the unit by another way; the service's own words below say what it minds."),
        ),
        "chat-too-long": lambda: (_("The message is longer than the chat service takes."), _shorten()),
        "chat-group-dissolved": lambda: (
            _("The chat group was dissolved."),
            _("Ask the unit for another group, correct the list, then `distributor resend {issue} --missing`."),
        ),
        "robot-gone": lambda: (
            _("There is no robot with this key: it was removed from its group, or the key is wrong."),
            _new_robot(),
        ),
        "robot-stopped": lambda: (_("The robot is switched off."), _group_s_settings()),
        "robot-keyword": lambda: (
            _("The robot takes only messages that hold one of its keywords, and this one holds none."),
            _(
                "Ask whoever looks after the group to add the bulletin's name to the robot's keywords, or write one of "
                "them into the template in templates/chat/ for later issues."
            ),
        ),
        "robot-signature": lambda: (
            _("The robot wants a signature, and ours is missing or does not match; or this machine's clock is wrong."),
            _("Copy the robot's signing secret anew, behind its address in .env; look at the clock too."),
        ),
        "robot-clock": lambda: (
            _("The robot refuses our signature for its time: this machine's clock is more than an hour wrong."),
            _("Set the clock right."),
        ),
        "robot-address": lambda: (
            _("The robot takes messages only from network addresses on its list, and ours is not on it."),
            _("Ask whoever looks after the group to put our public network address on the list (IP 白名单)."),
        ),
        "robot-rules": lambda: (
            _("The robot's security settings refuse the message."),
            _("The service's own words below say which of them: keywords, signature or network addresses."),
        ),
        "robot-forbidden": lambda: (_("The chat service forbids us to post."), _group_s_settings()),
        "endpoint-without-secret": lambda: (
            _("The site has no secret for this chat endpoint."),
            _("Put it into .env under the name that is shown below."),
        ),
        "endpoint-malformed": lambda: (
            _("The list names an endpoint that cannot be one."),
            _("Correct it in the list, then `distributor resend {issue} --missing`."),
        ),
        "apprise-no-service": lambda: (
            _("Apprise knows no service of the URL that this endpoint has."),
            _("Correct its URL in .env."),
        ),
        "apprise-missing": lambda: (
            _("Apprise is not installed, and this endpoint is one of its services."),
            _('Install it: pip install "distributor[apprise]".'),
        ),
        "unknown-chat-reply": lambda: (
            _("The chat service's answer is not one that this program knows; see its own words."),
            _("Show them to whoever looks after the group; once it is mended, `distributor resend {issue} --failed`."),
        ),
    }
)
