#!/usr/bin/env bash
# The whole tool in one go, on two clusters that live on this machine for as long as the demo takes.
set -euo pipefail
speed="${1:-5}"
folder="$(mktemp -d)"
export MESHCTL_STATE_DIR="$folder" KUBECONFIG="$folder/kubeconfig"

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }
finish() { meshctl lab down >/dev/null 2>&1 || true; rm -rf "$folder"; }
trap finish EXIT

say meshctl lab up --speed "$speed" --kubeconfig "$KUBECONFIG"
say meshctl install --east east --west west
say meshctl verify --east east --west west
say meshctl teardown --east east --west west --yes
say meshctl lab down
