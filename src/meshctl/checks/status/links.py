"""The two ways between the primary and a remote: istiod into the remote's API server, and the remote to istiod."""

from collections.abc import Iterable
from datetime import UTC, datetime

from meshctl.checks import evidence as seen
from meshctl.checks.evidence import IstiodView, Sight
from meshctl.checks.status.model import Access, Discovery, Health, View
from meshctl.names import READER_TOKEN, remote_secret
from meshctl.objects import Manifest, Verdict, dig
from meshctl.spec.addresses import is_ip

SYNCED, NOT_KNOWN, NO_ANSWER = "synced", "unknown", "no answer"


def access(name: str, primary: Sight | None, sight: Sight | None, views: tuple[IstiodView, ...]) -> Access:
    """Return how istiod gets into the remote `name`; None stands for a cluster that does not answer."""
    secrets = primary.all(seen.SECRETS) if primary else ()
    secret = next((one for one in secrets if name in (dig(one, "data") or {})), None)
    said = tuple(View(view.pod, _status(view, name), view.trouble) for view in views)
    health, detail = Health.UNKNOWN, "the primary does not answer"
    if primary is not None:
        health, detail = _judged(name, secret, primary, said)
    return Access(
        secret=str(dig(secret, "metadata", "name") or ""),
        secret_made=made(secret),
        token_made=made(sight.get(READER_TOKEN)) if sight else None,
        views=said,
        verdict=Verdict(met=health is Health.WELL, detail=detail),
        health=health,
    )


def _status(view: IstiodView, name: str) -> str:
    if view.trouble:
        return NO_ANSWER
    return str(view.clusters.get(name, {}).get("syncStatus") or NOT_KNOWN)


def _judged(name: str, secret: Manifest | None, primary: Sight, views: tuple[View, ...]) -> tuple[Health, str]:
    bad = next((view for view in views if view.status != SYNCED), None)
    if not views and seen.ISTIOD_PODS in primary.unseen:
        return Health.UNKNOWN, "the pods of istiod may not be listed, so none could be asked"
    if not views:
        return Health.BROKEN, "no istiod pod is running"
    if bad is None:
        return Health.WELL, f"synced with {len(views)} of {len(views)} istiod"
    if bad.trouble:
        return Health.UNKNOWN, f"{bad.pod} does not say whom it knows: {bad.trouble}"
    if bad.status != NOT_KNOWN:
        return Health.BROKEN, f"istiod is not synced with it: {bad.status} (asked {bad.pod})"
    if secret is not None:
        named = dig(secret, "metadata", "name")
        return Health.BROKEN, f"istiod does not know it, although secret/{named} is there (asked {bad.pod})"
    if seen.SECRETS in primary.unseen:
        return Health.BROKEN, f"istiod does not know it (asked {bad.pod}); secrets may not be listed"
    wanted = remote_secret(name).name
    other = next((one for one in primary.all(seen.SECRETS) if dig(one, "metadata", "name") == wanted), None)
    if other is not None:
        keys = ", ".join(sorted(dig(other, "data") or {})) or "nobody"
        return Health.BROKEN, f"istiod does not know it: secret/{wanted} names {keys}"
    return Health.BROKEN, f"istiod does not know it: there is no secret/{wanted}"


def discovery(sight: Sight, live: tuple[str, ...]) -> Discovery | None:
    """Compare where a remote looks for istiod with where the primary's gateway is; None before it looks anywhere."""
    service = sight.get(seen.ISTIOD_SERVICE)
    name = dig(service, "spec", "externalName")
    used = [str(name)] if name else _addresses(sight.all(seen.SLICES))
    if not used:
        return None
    return Discovery(tuple(used), live, _same_place(tuple(used), live))


def _addresses(slices: Iterable[Manifest]) -> list[str]:
    found = (
        str(address)
        for one in slices
        for endpoint in dig(one, "endpoints") or []
        for address in endpoint.get("addresses") or []
    )
    return list(dict.fromkeys(found))


def _same_place(used: tuple[str, ...], live: tuple[str, ...]) -> Verdict:
    if not live:
        return Verdict(met=True, detail="the primary's gateway has no address to compare with")
    if set(used) <= set(live):
        return Verdict(met=True)
    if any(map(is_ip, live)) != any(map(is_ip, used)):
        return Verdict(met=True, detail="one is a name and one an address, so they were not compared")
    return Verdict(met=False, detail=f"it looks for istiod at {', '.join(used)}, the gateway is at {', '.join(live)}")


def made(obj: Manifest | None) -> datetime | None:
    """Return when an object was made."""
    stamp = dig(obj, "metadata", "creationTimestamp")
    try:
        return datetime.fromisoformat(str(stamp)).astimezone(UTC) if stamp else None
    except ValueError:
        return None
