#!/usr/bin/env bash
# From nothing to nothing with meshctl on the contexts east and west: certificates, install, install again, verify,
# teardown. FOLDER takes the certificates. Any clusters will do: the tests run this on the lab too.
set -euo pipefail
folder="${1:?usage: story.sh FOLDER}"
mesh=(--east east --west west --set cni.confDir=/etc/cni/net.d)

meshctl certs generate --out "$folder/certs" "${mesh[@]}"
meshctl certs apply --from "$folder/certs" "${mesh[@]}"
meshctl install "${mesh[@]}"
meshctl install "${mesh[@]}"
meshctl verify "${mesh[@]}"
meshctl teardown "${mesh[@]}" --yes
