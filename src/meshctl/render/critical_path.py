"""The chain of steps that decided how long a run took, from what each step needs and when it ended."""

from collections.abc import Mapping, Sequence


def critical_path(needs: Mapping[str, Sequence[str]], ends: Mapping[str, float]) -> tuple[str, ...]:
    """Return the keys of that chain in the order they were done.

    From the step that ended last, back to whichever of its needs ended last, and so on: every step begins as soon as
    what it needs is done, so the chain has no gaps. `ends` lacks the steps that never began.
    """
    path: list[str] = []
    candidates: Sequence[str] = tuple(ends)
    while candidates:
        last = max(candidates, key=lambda key: ends[key])
        path.append(last)
        candidates = tuple(need for need in needs[last] if need in ends and need not in path)
    return tuple(reversed(path))
