"""Conditions and events as a person reads them: one line each."""

from collections.abc import Iterable, Iterator

from meshctl.objects import Manifest, dig
from meshctl.render.hiding import hide_all
from meshctl.render.text import one_line


def conditions_of(objects: Iterable[Manifest]) -> str:
    """Return the conditions of objects, each below its object's name, state and generations."""
    lines = [line for obj in objects for line in _conditions(obj)]
    return "\n".join(lines) + "\n" if lines else "there is none\n"


def _conditions(obj: Manifest) -> Iterator[str]:
    name, state = dig(obj, "metadata", "name"), dig(obj, "status", "state") or "no state"
    seen, now = dig(obj, "status", "observedGeneration"), dig(obj, "metadata", "generation")
    yield one_line(f"{obj.get('kind')}/{name}: {state} (generation {now}, looked at: {seen})")
    for one in dig(obj, "status", "conditions") or ():
        why = ": ".join(filter(None, (str(one.get("reason") or ""), hide_all(str(one.get("message") or "")))))
        since = one.get("lastTransitionTime", "")
        told = one_line(f"{one.get('type')} {one.get('status')} since {since}" + (f" {why}" if why else ""))
        yield f"  {told}"


def events_of(events: Iterable[Manifest]) -> str:
    """Return events, the oldest first: when last, how often, about what, and what was said."""
    lines = [_event(one) for one in sorted(events, key=_when)]
    return "\n".join(lines) + "\n" if lines else "there is none\n"


def _when(event: Manifest) -> str:
    found = (
        dig(event, "series", "lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        dig(event, "metadata", "creationTimestamp"),
    )
    return str(next((one for one in found if one), ""))


def _event(event: Manifest) -> str:
    about = event.get("involvedObject") or {}
    times = dig(event, "series", "count") or event.get("count") or 1
    what = f"{str(about.get('kind') or '').lower()}/{about.get('name')}"
    who = event.get("reportingComponent") or dig(event, "source", "component") or ""
    message = hide_all(str(event.get("message") or ""))
    return one_line(f"{_when(event)} {event.get('type')} {times}x {what} {event.get('reason')} {who}: {message}")
