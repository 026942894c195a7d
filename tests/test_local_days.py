"""A day named beside an instant is held against the date where the booklet keeps time, to the second."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger import Refused
from ledger.events import UpdateDateAgreed
from ledger.local_days import check_days
from tests.story import CONTRACT

PARIS_MIDNIGHT = "2026-06-10T22:00:00Z"  # 11 June begins in Paris
BEFORE = "2026-06-10T21:59:59Z"
ASKED = {"restore": "R1", "scope": "client_data"}
TYPED = {"dossier": "D1", "kind": "entry"}


# what is said, the event, its data, recorded at, the code (None: it is taken)
DAYS: tuple[tuple[str, str, dict[str, Any], str, str | None], ...] = (
    ("the state of tomorrow", "restore_requested", {**ASKED, "requested_at": BEFORE, "target_date": "2026-06-11"}, BEFORE, "occurred_after_recorded"),
    ("the state of today", "restore_requested", {**ASKED, "requested_at": PARIS_MIDNIGHT, "target_date": "2026-06-11"}, PARIS_MIDNIGHT, None),
    ("the state of tomorrow, recorded when it was today", "restore_requested", {**ASKED, "requested_at": BEFORE, "target_date": "2026-06-11"}, PARIS_MIDNIGHT, "occurred_after_recorded"),
    ("a state by its backup's name only", "restore_requested", {**ASKED, "requested_at": BEFORE, "backup": "B1"}, BEFORE, "unknown_reference"),
    ("agreed for today, in the day's last second", "update_date_agreed", {"update": "U1", "agreed_date": "2026-06-10", "at": BEFORE}, BEFORE, None),
    ("agreed for yesterday, in the day's first second", "update_date_agreed", {"update": "U1", "agreed_date": "2026-06-10", "at": PARIS_MIDNIGHT}, PARIS_MIDNIGHT, "before_start"),
    ("agreed for yesterday, when it was not said when", "update_date_agreed", {"update": "U1", "agreed_date": "2026-06-10"}, PARIS_MIDNIGHT, "before_start"),
    ("agreed in time, recorded later", "update_date_agreed", {"update": "U1", "agreed_date": "2026-06-10", "at": BEFORE}, PARIS_MIDNIGHT, None),
    ("typed tomorrow", "dossier_activity_recorded", {**TYPED, "last_entry_date": "2026-06-11"}, BEFORE, "occurred_after_recorded"),
    ("typed today", "dossier_activity_recorded", {**TYPED, "last_entry_date": "2026-06-11"}, PARIS_MIDNIGHT, None),
)  # fmt: skip


@pytest.mark.parametrize(("said", "kind", "data", "recorded_at", "code"), DAYS, ids=[row[0] for row in DAYS])
def test_a_day_is_judged_by_the_date_in_the_booklets_zone(
    tell: Any, said: str, kind: str, data: dict[str, Any], recorded_at: str, code: str | None
) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    if code is None:
        assert tell(recorded_at, kind, data).outcome == "recorded"
        return
    with pytest.raises(Refused) as refused:
        tell(recorded_at, kind, data)
    assert refused.value.code == code, said


@pytest.mark.parametrize("written", ["2025-08-31T22:00:00Z", "2025-09-01T00:00:00+02:00", "2025-09-01T08:00:00+10:00"])
def test_support_may_begin_a_year_before_the_service_by_local_days_and_no_earlier(tell: Any, written: str) -> None:
    opened = {**CONTRACT, "service_start": written}
    with pytest.raises(Refused, match="before_start"):
        tell("2025-09-01T08:00:00Z", "contract_started", {**opened, "support_start": "2024-08-31"})
    assert tell("2025-09-01T08:00:00Z", "contract_started", {**opened, "support_start": "2024-09-01"}).outcome == "recorded"


def test_a_correction_may_not_move_a_day_ahead_either(tell: Any) -> None:
    tell("2025-09-01T08:00:00Z", "contract_started", CONTRACT)
    tell(BEFORE, "dossier_activity_recorded", {**TYPED, "last_entry_date": "2026-06-10"}, id="typed")
    ahead = {"target": "typed", "data": {**TYPED, "last_entry_date": "2026-06-11"}, "reason": "mistyped"}
    with pytest.raises(Refused, match="occurred_after_recorded"):
        tell(BEFORE, "corrected", ahead)
    assert tell(PARIS_MIDNIGHT, "corrected", ahead).outcome == "recorded"


def test_where_booklets_keep_time_in_several_zones_a_day_passes_that_passes_in_one() -> None:
    event = UpdateDateAgreed(update="U1", agreed_date=datetime(2026, 6, 10, tzinfo=UTC).date())
    midnight = datetime(2026, 6, 10, 22, tzinfo=UTC)
    check_days(event, midnight, lambda: ("Europe/Paris", "America/Martinique"))
    with pytest.raises(Refused, match="before_start"):
        check_days(event, midnight, lambda: ("Europe/Paris",))
