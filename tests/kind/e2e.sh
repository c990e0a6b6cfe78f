#!/usr/bin/env bash
# The whole tool on two kind clusters: up, certificates, install, verify, teardown, down. The kubeconfig of kind says
# 127.0.0.1, which is the case that breaks remote secrets.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="$(mktemp -d)"
export KUBECONFIG="$folder/kubeconfig"
trap '"$here/down.sh"; rm -rf "$folder"' EXIT
mesh=(--east east --west west --set cni.confDir=/etc/cni/net.d)

"$here/up.sh"
meshctl certs generate --out "$folder/certs" "${mesh[@]}"
meshctl certs apply --from "$folder/certs" "${mesh[@]}"
meshctl install "${mesh[@]}"
meshctl install "${mesh[@]}"
meshctl verify "${mesh[@]}"
meshctl teardown "${mesh[@]}" --yes
