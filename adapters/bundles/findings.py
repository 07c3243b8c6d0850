"""What is wrong with a bundle, in plain words: where it stands, what was expected, what stands there.

Belongs here: this value alone. Whatever reads or checks a bundle raises it, so that the first thing that is
wrong is the one that is named.
"""

from __future__ import annotations


class Wrong(ValueError):
    """The first thing that is wrong.

    member: of the bundle, or the name of another file that was given; `container` for what holds them
    together. place: `milestone 7`, `byte 517`; empty for the whole. problem: a sentence without its end.
    besides: what else is wrong with what is around it, where that is known.
    """

    def __init__(
        self, member: str, place: str, problem: str, *, expected: str | None = None, found: str | None = None
    ) -> None:
        where = f"{member}, {place}" if place else member
        told = "" if expected is None else f": expected {expected}, and there stands {found}"
        super().__init__(f"{where}: {problem}{told}")
        self.member = member
        self.place = place
        self.problem = problem
        self.expected = expected
        self.found = found
        self.besides: Wrong | None = None


def shown(value: object) -> str:
    """A value as a finding shows it: bytes in hexadecimal, texts quoted, and nothing longer than a line."""
    if isinstance(value, bytes):
        return value[:32].hex() + ("..." if len(value) > 32 else "")
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 120 else text[:117] + "..."
