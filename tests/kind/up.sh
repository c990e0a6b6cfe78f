#!/usr/bin/env bash
# Two kind clusters with all that meshctl asks for: the Sail operator, a load balancer; certificates are meshctl's part.
# Needs docker, kind, kubectl and helm. The clusters stay until down.sh.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
: "${KUBECONFIG:?name the kubeconfig to write}"
operator_version="${OPERATOR_VERSION:-1.30.3}"
metallb_version="${METALLB_VERSION:-0.15.2}"
nodes="${KIND_NODE_IMAGE:-kindest/node:v1.34.0}"

subnet() { # The first two bytes of the Docker network's IPv4 range.
  docker network inspect kind --format '{{range .IPAM.Config}}{{println .Subnet}}{{end}}' | grep -F . | cut -d. -f1-2
}

prepare() { # cluster, third byte of its pool
  local cluster="$1" pool="$2" context="kind-$1"
  kind create cluster --config "$here/$cluster.yaml" --image "$nodes" --wait 120s
  helm --kube-context "$context" upgrade --install metallb metallb --version "$metallb_version" \
    --repo https://metallb.github.io/metallb --namespace metallb-system --create-namespace --wait
  sed "s/START/$(subnet).$pool.1/; s/END/$(subnet).$pool.50/" "$here/metallb-pool.yaml" |
    kubectl --context "$context" apply -f -
  helm --kube-context "$context" upgrade --install sail-operator sail-operator --version "$operator_version" \
    --repo https://istio-ecosystem.github.io/sail-operator --namespace sail-operator --create-namespace --wait
}

prepare east 251
prepare west 252
kubectl config rename-context kind-east east
kubectl config rename-context kind-west west
