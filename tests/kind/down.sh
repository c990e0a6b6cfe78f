#!/usr/bin/env bash
# Removes what up.sh made.
set -euo pipefail
for cluster in east west; do kind delete cluster --name "$cluster"; done
