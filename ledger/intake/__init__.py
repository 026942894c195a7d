"""Adapters: what real tools emit becomes events the ledger can record, or a note that says why not.

`ADAPTERS` names each, what it reads and where its function is, `OPTIONS` what may be said to them; `read_with`
finds one by name. Every adapter
is a pure function `events(given, *, subject, source, ...) -> Intake`: no clock, no file, no network.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from ledger.errors import Refused
from ledger.intake.intake import SHORT, Intake

__all__ = ["ADAPTERS", "OPTIONS", "Intake", "adapter", "options_of", "read_with", "reads"]

# name, what it reads, where its function is (module, or module:function)
ADAPTERS: tuple[tuple[str, str, str], ...] = (
    ("jenkins", "revisions of the Jenkins infrastructure status site, JSON lines", "jenkins"),
    ("github-status", "incidents, seen versions and changes of GitHub's status page, JSON lines", "github_status"),
    ("restic", "restic's snapshots, forget or backup, JSON", "restic"),
    ("borg", "borg's list, info or create JSON, or the --log-json of prune or check", "borg"),
    ("pgbackrest", "pgBackRest's info JSON, or the text of verify", "pgbackrest"),
    ("barman", "Barman's list-backups or show-backup JSON, or the text of verify-backup", "barman"),
    ("alertmanager", "Alertmanager's webhook, version 4", "webhooks:alertmanager"),
    ("grafana", "Grafana's alerting webhook", "webhooks:grafana"),
    ("pagerduty", "PagerDuty's webhook, version 3", "webhooks:pagerduty"),
    ("uptime-kuma", "Uptime Kuma's webhook", "webhooks:uptime_kuma"),
    ("statuspage", "Statuspage's webhook, or its API's incidents or scheduled maintenances", "status_pages:statuspage"),
    ("betterstack", "Better Stack's status page webhook", "status_pages:betterstack"),
    ("instatus", "Instatus's webhook", "status_pages:instatus"),
    ("google-cloud", "Google Cloud's incidents.json", "status_pages:google_cloud"),
)

# an option of adapters, what it says
OPTIONS: tuple[tuple[str, str], ...] = (
    ("source", "the source of the events; all take it; the tool's name or address when left out"),
    ("zone", "the IANA zone the tool ran in, where it writes local times without offset, like Europe/Paris"),
    ("location", "where the copy lies, like DC-A"),
    ("locations", "where each repository lies, like 1=DC-A,2=DC-B"),
    ("scope", "what was backed up: client_data (default) or office_documents"),
    ("tiers", "daily (default), weekly, monthly, with commas; a tag or name that tells them goes before"),
    ("since", "a day or instant: leave out what began before"),
    ("copied_at", "the snapshots are those of a copy, made at this instant"),
    ("deleted_at", "when forget ran"),
    ("verified_at", "when the verification ran"),
    ("exit_status", "what borg create ended with: 1 is noted, 2 and more is a failed backup"),
    ("effect", "what an alert or incident means: no_access, no_login, degraded (each adapter has its default)"),
    ("alertname", "only alerts of these names, with commas"),
    ("unusable_end", "a record resolved without a usable end: none leaves it open, publication ends it when published"),
)

# what an adapter meets in a record of the right tool that holds what the tool never writes
UNUSUAL = (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError)


def adapter(name: str) -> Callable[..., Intake]:
    """The function of one adapter, imported when asked for. Raises `Refused("unknown_value")`."""
    for known, _, place in ADAPTERS:
        if known == name:
            module, _, function = place.partition(":")
            found: Callable[..., Intake] = getattr(import_module(f"ledger.intake.{module}"), function or "events")
            return found
    raise Refused("unknown_value", f"no adapter is called {name!r}; there are {', '.join(row[0] for row in ADAPTERS)}")


def reads(name: str) -> str:
    """What the adapter of that name reads, in words."""
    return next(what for known, what, _ in ADAPTERS if known == name)


def options_of(name: str) -> dict[str, Any]:
    """What may be said beside subject and source: each option with its default, `...` where it must be given."""
    taken = signature(adapter(name)).parameters.values()
    own = (p for p in taken if p.kind is Parameter.KEYWORD_ONLY and p.name not in ("subject", "source"))
    return {p.name: ... if p.default is Parameter.empty else p.default for p in own}


def read_with(
    name: str, given: Any, /, *, subject: str | None = None, source: str | None = None, **options: Any
) -> Intake:
    """What the adapter `name` makes of text (or parsed JSON), for the stream `subject`.

    Options that are None are left out. What is the tool's and says nothing a ledger records gives no event and
    a note. Raises `Refused` for an unknown adapter or option, for an option or subject that is missing, and for
    what is not the tool's: `unknown_format`, or `bad_json` where it is not even JSON.
    """
    function = adapter(name)
    if not subject:
        raise Refused("missing_field", f"the adapter {name} needs a subject, the stream its events go to")
    chosen = {option: value for option, value in options.items() if value is not None}
    known = options_of(name)
    for option in chosen:
        if option not in known:
            raise Refused(
                "unknown_field", f"the adapter {name} takes no {option}; it takes {', '.join(known) or 'none'}"
            )
    missing = [option for option, default in known.items() if default is ... and option not in chosen]
    if missing:
        told = "; ".join(f"{option}, {says}" for option, says in OPTIONS if option in missing)
        raise Refused("missing_field", f"the adapter {name} needs {told}")
    if source is not None:
        chosen["source"] = source
    try:
        intake = function(given, subject=subject, **chosen)
    except Refused as refused:
        if refused.code in ("bad_json", "unknown_format"):
            raise Refused(refused.code, f"{refused.message}; expected {reads(name)}", refused.line) from refused
        raise
    except UNUSUAL as e:
        raise Refused("bad_field", f"{_unusual(e)}; expected {reads(name)}") from e
    return intake if intake.events or intake.notes else Intake([], [f"{name}: it holds nothing to record"])


def _unusual(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"a record lacks the field {error}"
    if isinstance(error, ValueError):
        return f"a field holds what it never does: {error}"[:SHORT]
    return "a field holds a value of another kind"
