from tests.projections.conftest import house
from tests.projections.asking import asked
from tests.projections.worked import company, FIRST, LAST
from projections.measures import VIEWS
from projections import laws
import datetime
def test_x(house):
    print([str(o) for o in house.record(company()) if "RECORDED" not in str(o.kind if hasattr(o,"kind") else o).upper()])
    house.project()
    for v in [*VIEWS]:
        for s in ([None] if VIEWS[v].balance else [FIRST]) + ([FIRST] if v=="arr" else []):
            r = asked(house, v, s, LAST)
            print(v, s, r.totals)
            for row in asked(house, v, s, LAST, by=("deal",)).rows: print("   ", {k: x for k,x in row.items() if x and x.strip("0.")})
    print(laws.check(house.connection, house.live().id, datetime.date(2026,6,30), house.head()))
    print(house.connection.execute(f"select code, object, detail, amount from signal_g{house.live().id} where sign>0 and code=upper(code)").fetchall())
