"""One run at a time, and what is left of a run that was killed."""

from pathlib import Path

import pytest

from meshctl.errors import LockedError
from meshctl.lock import Ways, locked
from meshctl.names import LOCK
from tests.core.fake import FakeClient

WAYS = Ways(pytest.fail, pytest.fail, lambda _: pytest.fail("nothing to wait for"))


@pytest.fixture
def clients() -> dict[str, FakeClient]:
    return {name: FakeClient(name) for name in ("cluster1", "cluster2")}


def test_a_lock_is_held_everywhere_and_gone_afterwards(clients: dict[str, FakeClient], tmp_path: Path) -> None:
    with locked(clients, "install", tmp_path, WAYS, force=False):
        assert all(LOCK in client.objects for client in clients.values())
    assert not any(LOCK in client.objects for client in clients.values())
    assert list(tmp_path.iterdir()) == []


def test_a_second_run_is_told_who_holds_it(clients: dict[str, FakeClient], tmp_path: Path) -> None:
    with locked(clients, "meshctl install", tmp_path, WAYS, force=False):
        with (
            pytest.raises(LockedError, match="cluster2: meshctl install by") as raised,
            locked(clients, "meshctl teardown", tmp_path, WAYS, force=False),
        ):
            pytest.fail("two runs at once")
        assert "--force-unlock" in raised.value.hint
        assert all(LOCK in client.objects for client in clients.values())


def test_the_lock_of_a_dead_run_on_this_machine_is_taken_over_at_once(
    clients: dict[str, FakeClient], tmp_path: Path
) -> None:
    with locked(clients, "install", tmp_path, WAYS, force=False):
        left = dict(clients["cluster1"].objects)
    clients["cluster1"].objects.update(left)
    with locked(clients, "install", tmp_path, WAYS, force=False):
        assert clients["cluster1"].objects[LOCK] != left[LOCK]


def test_a_live_lock_from_elsewhere_is_respected_unless_forced(clients: dict[str, FakeClient], tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    with locked(clients, "install", there, WAYS, force=False):
        with (
            pytest.raises(LockedError),
            locked(clients, "install", here, WAYS, force=False),
        ):
            pytest.fail("two runs at once")
        with locked(clients, "install", here, WAYS, force=True):
            assert all(LOCK in client.objects for client in clients.values())
