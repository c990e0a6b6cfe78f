"""Three-way merge: bring a live object to what a chart wants now, leaving alone what others put there."""

from collections.abc import Mapping, Sequence
from typing import Any

from meshctl.objects import Manifest, dig

_SERVER_OWNED = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy")


def three_way(before: Any, wanted: Any, live: Any) -> Any:
    """Return `live` changed to `wanted`; what was in `before` and is no longer wanted goes, anything else stays.

    Entries of lists belong together by their name; lists of equal length without names belong together by place, so
    that fields which the API server filled in stay.
    """
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return _mapping(before if isinstance(before, Mapping) else {}, wanted, live)
    if isinstance(wanted, list) and isinstance(live, list):
        return _list(before if isinstance(before, list) else [], wanted, live)
    return wanted


def _mapping(before: Mapping[str, Any], wanted: Mapping[str, Any], live: Mapping[str, Any]) -> Manifest:
    kept = {key: value for key, value in live.items() if key in wanted or key not in before}
    return {
        **kept,
        **{
            key: three_way(before.get(key), value, live[key]) if key in live else value for key, value in wanted.items()
        },
    }


def _list(before: Sequence[Any], wanted: Sequence[Any], live: Sequence[Any]) -> list[Any]:
    if _named(wanted) and _named(live):
        return _by_name(before if _named(before) else [], wanted, live)
    if len(wanted) == len(live) and all(isinstance(one, Mapping) for one in (*wanted, *live)):
        old = list(before) if len(before) == len(wanted) else [{}] * len(wanted)
        return [three_way(was, want, here) for was, want, here in zip(old, wanted, live, strict=True)]
    return list(wanted)


def _named(entries: Sequence[Any]) -> bool:
    return all(isinstance(one, Mapping) and "name" in one for one in entries)


def _by_name(before: Sequence[Manifest], wanted: Sequence[Manifest], live: Sequence[Manifest]) -> list[Manifest]:
    old, here = ({one["name"]: one for one in entries} for entries in (before, live))
    named = {one["name"] for one in wanted}
    mine = [three_way(old.get(one["name"]), one, here[one["name"]]) if one["name"] in here else one for one in wanted]
    return mine + [one for one in live if one["name"] not in named and one["name"] not in old]


def settled(obj: Manifest) -> Manifest:
    """Return the object with what an API server would do to it by itself: defaults that appear, addresses that go."""
    if obj["kind"] == "ValidatingWebhookConfiguration":
        webhooks = [{"failurePolicy": "Fail", **one} for one in obj.get("webhooks") or []]
        return {**obj, "webhooks": webhooks}
    if obj["kind"] == "Service" and dig(obj, "spec", "type") == "ExternalName":
        spec = {key: value for key, value in obj["spec"].items() if key not in _SERVER_OWNED}
        return {**obj, "spec": spec}
    return obj
