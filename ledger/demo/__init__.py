"""A ledger to try everything on: one real public history and one simulated contract year, told as learnt.

`demo_events` is the whole story as CloudEvents, in the order it was learnt; `record_demo` records it with a
simulated clock, so that `recorded_at` is the moment each fact was learnt; `DEMO` names what is worth asking.
"""

from ledger.demo.recorded import DEMO, ORIGIN, demo_events, record_demo, summary

__all__ = ["DEMO", "ORIGIN", "demo_events", "record_demo", "summary"]
