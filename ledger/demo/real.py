"""The real part of the demo: how the Jenkins project's infrastructure fared, shipped as facts beside this file.

`jenkins-infra.jsonl` holds a head line (source, commit, licence, what the rows are) and one row an event:
`[id, type, attestedat, data]`. `compact` wrote it once from the revisions of the public status site, through
the adapter `ledger.intake.jenkins`; README.md beside it says where they come from and under which licence.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from ledger.intake import jenkins
from ledger.intake.intake import cloudevent, instant

STREAM = "service:jenkins-infra"
COMMIT = "cc863abe58bc0a5b19cba79468640bd3de5427f0"  # the site's state the revisions were read from
SHIPPED = "jenkins-infra.jsonl"
HEAD = {
    "about": "How the Jenkins infrastructure fared, 2020-11 to 2026-06, as its public status site told it",
    "source": jenkins.SOURCE,
    "commit": COMMIT,
    "licence": "MIT",
    "subject": STREAM,
    "adapter": "jenkins, unusable_end=publication",
    "rows": ["id", "type", "attestedat", "data"],
}


def real_events() -> list[dict[str, Any]]:
    """The shipped events, the one that opens their stream first, in the order they were published."""
    lines = (files("ledger.demo") / SHIPPED).read_text("utf-8").splitlines()
    head = json.loads(lines[0])
    told = [
        cloudevent(kind, data, subject=head["subject"], source=head["source"], id=id, attested_at=attested_at)
        for id, kind, attested_at, data in map(json.loads, lines[1:])
    ]
    return [jenkins.opening(STREAM, instant(told[0]["attestedat"])), *told]


def compact(revisions: str) -> str:
    """The shipped file's text, out of the revisions of the status site (JSON lines)."""
    intake = jenkins.events(revisions, subject=STREAM, unusable_end="publication")
    rows: list[Any] = [HEAD, *([e["id"], e["type"], e["attestedat"], e["data"]] for e in intake.events)]
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
