"""What an issue was made from, as the ledger keeps it: templates and groups as JSON, and back."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from distributor.errors import Place
from distributor.recipients.model import Group, GroupName


def freeze(templates: Mapping[str, str], groups: Mapping[GroupName, Group]) -> str:
    """The JSON of *templates* by name and *groups* by name."""
    written = {name: dataclasses.asdict(group) for name, group in groups.items()}
    return json.dumps({"templates": dict(templates), "groups": written}, ensure_ascii=False, sort_keys=True)


def thaw(sources: str) -> tuple[dict[str, str], dict[GroupName, Group]]:
    """The templates and groups that freeze() wrote."""
    kept = json.loads(sources)
    return kept["templates"], {GroupName(name): _group(values) for name, values in kept["groups"].items()}


def _group(values: dict[str, Any]) -> Group:
    return Group(
        **values
        | {
            "name": GroupName(values["name"]),
            "labels": tuple(values["labels"]),
            "place": Place(**values["place"]),
            "places": {key: Place(**place) for key, place in values.get("places", {}).items()},
        }
    )


def sha256(text: str) -> str:
    """Hex digest of the text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
