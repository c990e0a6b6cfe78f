#!/usr/bin/env bash
# Removes what up.sh made; a cluster that cannot be removed does not keep the other.
set -uo pipefail
failed=0
for cluster in east west; do kind delete cluster --name "$cluster" || failed=1; done
exit "$failed"
