#!/usr/bin/env bash
# The whole tool on two kind clusters: up, the story, down. The kubeconfig of kind says 127.0.0.1, which is the case
# that breaks remote secrets.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
folder="$(mktemp -d)"
export KUBECONFIG="$folder/kubeconfig"
trap '"$here/down.sh"; rm -rf "$folder"' EXIT

"$here/up.sh"
"$here/story.sh" "$folder"
