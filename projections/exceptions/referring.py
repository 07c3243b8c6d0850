"""About reference data: item numbers that no product list has, customers that nobody has approved.

They delay nothing: what is sold to an unknown customer under an unknown number counts all the same. Belongs
here: when a gap is an exception. Does not belong here: the cross-reference (projections/references).
"""

from __future__ import annotations

from collections.abc import Iterator

from projections import references
from projections.exceptions.asking import Asking, Found, midnight


def unmapped_sku(asking: Asking) -> Iterator[Found]:
    """Item numbers in use that are not mapped, of systems of which others are."""
    for one in asking.products():
        if one.listed and one.product is None and one.use.first is not None:
            yield _gap("UNMAPPED_SKU", one.name, one.use)


def missing_customer(asking: Asking) -> Iterator[Found]:
    """Customers of deals that nobody has approved, where customers are approved at all."""
    for one in asking.customers():
        if one.listed and not one.approved and one.use.first is not None:
            yield _gap("MISSING_CUSTOMER", one.name, one.use)


def _gap(code: str, name: references.Name, use: references.Use) -> Found:
    assert use.first is not None
    assert use.since is not None
    deals = "1 deal" if use.deals == 1 else f"{use.deals:,} deals"
    detail = f"{name.system}: {deals}"
    # named by what is missing, whichever deal showed it first
    return Found(
        code, None, (use.first,), midnight(use.since), name.id, detail=detail, identity=(name.system, name.id)
    )
