import pytest

from meshctl.cluster import Request
from meshctl.render.requests import request_line

from .story import NOON

PODS = "/api/v1/namespaces/istio-system/pods"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request("cluster1", "GET", PODS, 200, 12.4), f"GET {PODS} 200 12 ms"),
        (Request("cluster1", "PATCH", f"{PODS}/a", 0, 5000), f"PATCH {PODS}/a no answer 5000 ms"),
        (
            Request("cluster1", "GET", f"{PODS}?watch=true&resourceVersion=7&timeoutSeconds=60", 200, 3),
            f"GET {PODS}?watch=true&resourceVersion=7 200 3 ms",
        ),
        (
            Request("cluster1", "GET", f"{PODS}/a/exec?command=cat&command=%2Ftoken", 101, 3),
            f"GET {PODS}/a/exec 101 3 ms",
        ),
    ],
)
def test_lines(request_: Request, expected: str) -> None:
    assert request_line(request_, NOON) == f"12:00:00  cluster1    request   {expected}"
