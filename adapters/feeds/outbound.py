"""Salesforce Outbound Messages: what their envelope says, and where its notifications stand in the bytes.

Belongs here: reading the envelope safely (no document type, no entities of its own), cutting it into messages
of one notification each. Does not belong here: whether to believe it (claims.py), what a notification
means (adapters/sources).
"""

from __future__ import annotations

from typing import Final, NamedTuple
from xml.parsers import expat

_NAMESPACE: Final = "http://soap.sforce.com/2005/09/outbound"
_SEPARATOR: Final = " "
_DEEPEST: Final = 64
_MOST: Final = 1_000
_LONGEST_TEXT: Final = 4_096


class NotOutbound(ValueError):
    """The bytes are no Outbound Message."""


class Outbound(NamedTuple):
    """An Outbound Message. session: None where none is sent. addresses: EnterpriseUrl and PartnerUrl.

    notifications: (first byte, byte after the last) of each.
    """

    organisation: str
    session: str | None
    addresses: tuple[str, ...]
    notifications: tuple[tuple[int, int], ...]


class _Reader:
    """Collects what matters while the parser goes through the bytes."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.StartElementHandler = self._open
        self.parser.EndElementHandler = self._close
        self.parser.CharacterDataHandler = self._say
        self.texts: dict[str, list[str]] = {}
        self.places: list[tuple[int, int]] = []
        self._path: list[str] = []
        self._said: list[str] = []
        self._began = 0
        self._ends = False

    def read(self, body: bytes) -> None:
        self.parser.Parse(body, True)  # noqa: FBT003 - the library's own positional flag

    def _refuse_doctype(self, *_: object) -> None:
        raise NotOutbound("the XML has a document type, which no Outbound Message has")

    def _open(self, name: str, _attributes: dict[str, str]) -> None:
        self._end_notification()
        if len(self._path) >= _DEEPEST:
            raise NotOutbound(f"the XML is nested more than {_DEEPEST} levels deep")
        self._path.append(name)
        self._said.clear()
        if self._is_notification():
            self._began = self.parser.CurrentByteIndex

    def _close(self, name: str) -> None:
        self._end_notification()
        if self._is_notification():
            # the end tag begins here; what follows it tells where it ends
            self._ends = True
        elif len(self._path) == 4 and name.startswith(_NAMESPACE + _SEPARATOR):
            self.texts.setdefault(name.rpartition(_SEPARATOR)[2], []).append("".join(self._said).strip())
        self._path.pop()
        self._said.clear()

    def _say(self, text: str) -> None:
        self._end_notification()
        if len(self._path) == 4 and sum(map(len, self._said)) < _LONGEST_TEXT:
            self._said.append(text)

    def _is_notification(self) -> bool:
        return len(self._path) == 4 and self._path[3] == f"{_NAMESPACE}{_SEPARATOR}Notification"

    def _end_notification(self) -> None:
        if self._ends:
            self._ends = False
            self.places.append((self._began, self.parser.CurrentByteIndex))
            if len(self.places) > _MOST:
                raise NotOutbound(f"the message holds more than {_MOST} notifications")


def read_outbound(body: bytes) -> Outbound:
    """An Outbound Message. Raises NotOutbound, whose message never repeats what it holds."""
    reader = _Reader()
    try:
        reader.read(body)
    except expat.ExpatError as error:
        raise NotOutbound(f"the body is not well-formed XML (line {error.lineno})") from None
    except NotOutbound:
        raise
    except (ValueError, LookupError):
        raise NotOutbound("the body's encoding can't be read; send UTF-8") from None
    named = reader.texts.get("OrganizationId", [])
    if len(named) != 1 or not named[0]:
        raise NotOutbound("the body is no Outbound Message: it names no organisation, or more than one")
    session = "".join(reader.texts.get("SessionId", [])) or None
    addresses = [*reader.texts.get("EnterpriseUrl", []), *reader.texts.get("PartnerUrl", [])]
    return Outbound(named[0], session, tuple(filter(None, addresses)), tuple(reader.places))


def notifications(body: bytes) -> list[bytes]:
    """A message of several notifications as messages of one each, byte for byte from the same envelope.

    Whatever is not an Outbound Message, or has at most one notification, stays as it is.
    """
    try:
        places = read_outbound(body).notifications
    except NotOutbound:
        return [body]
    if len(places) < 2:
        return [body]
    head, tail = body[: places[0][0]], body[places[-1][1] :]
    return [head + body[first:last] + tail for first, last in places]


def acknowledgement(*, taken: bool) -> bytes:
    """What Salesforce waits for: with `false`, as without it, it sends the message again."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        f'<notificationsResponse xmlns="{_NAMESPACE}"><Ack>{str(taken).lower()}</Ack></notificationsResponse>'
        "</soapenv:Body></soapenv:Envelope>"
    ).encode()
