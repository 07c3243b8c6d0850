"""HubSpot as the HTTP client asks it: the set-up that all of its CRM objects share.

Belongs here: paths, the search by time of change, and its limits. Does not belong here: asking (asking.py).
HubSpot's own library is not used: it gives objects made of an answer, and not its bytes.

A search gives no more than 10,000 results, so it is begun anew at the latest change by then.
"""

from __future__ import annotations

import json
from typing import Final

from adapters.feeds.clients import SourceRefused
from adapters.feeds.sections import ClientObject, ClientSection

_URL: Final = "https://api.hubapi.com"
_MOST_RESULTS: Final = 10_000
#: Contacts name the time of their change otherwise than all others.
_CHANGED: Final = {"contacts": "lastmodifieddate"}


def hubspot_setup(setup: ClientSection) -> ClientSection:
    """The whole set-up: what is given for an object stands, what is not is HubSpot's.

    `parameters.properties` of an object, or `options.properties`: names, separated by commas; HubSpot gives
    few of them unasked. Raises SourceRefused where no object is named.
    """
    if not setup.objects:
        raise SourceRefused("needs `client.objects`: deals, companies, line_items, each with its properties")
    objects = {
        kind: _object(kind, given, given.parameters.get("properties", setup.options.get("properties", "")))
        for kind, given in setup.objects.items()
    }
    return setup.model_copy(update={"base_url": setup.base_url or _URL, "objects": objects})


def _object(kind: str, given: ClientObject, properties: str) -> ClientObject:
    names = [name.strip() for name in properties.split(",") if name.strip()]
    changed = _CHANGED.get(kind, "hs_lastmodifieddate")
    asked = f"?properties={','.join(names)}" if names else ""
    usual = {
        "fetch": f"/crm/v3/objects/{kind}/{{id}}{asked}",
        "list_": f"/crm/v3/objects/{kind}/search",
        "records": "results",
        "updated": "updatedAt",
        "since_format": "unix_ms",
        "paging": "cursor",
        "cursor": "paging.next.after",
        "cursor_parameter": "after",
        "size_parameter": "limit",
        "cursor_most": _MOST_RESULTS,
        "body": _search(changed, names),
    }
    chosen = {name: value for name, value in usual.items() if name not in given.model_fields_set}
    return given.model_copy(update={**chosen, "parameters": {}})


def _search(changed: str, names: list[str]) -> str:
    """The body of a search, to which the page's place and size are added."""
    filters = [{"propertyName": changed, "operator": "GTE", "value": "{since}"}]
    search = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": changed, "direction": "ASCENDING"}],
        "properties": names,
    }
    return json.dumps(search)
