"""The sections of a README that are about Argo CD and Flux: what to do once, and what an engine cannot do."""

from meshctl.export import argo_cd as argo
from meshctl.export import flux as fluxcd
from meshctl.export.readme import Commands
from meshctl.spec import MeshSpec

HEAD = """\

## With an engine instead

An engine applies the stages, and waits, by itself. Three things it cannot do:

- Put `cacerts` on every cluster, first of all: `{certificates}`.
- Know the address of the primary's gateway. Until it is filled in as above, and committed, the API server refuses the
  `Istio` of every remote, and the engine says so.
- Make the remote secrets: they hold tokens, so no repository may have them. Once the remotes' `Istio` are applied,
  type `{introduce}`. It waits for the reader accounts, and makes their tokens.
"""
ARGO_CD = """\

### Argo CD

Register the clusters under the names {names}. Then, where Argo CD runs, teach it once what a healthy `Istio` is
(without that a sync wave waits for nothing), and hand over:

```
kubectl -n {namespace} patch configmap argocd-cm --patch-file {folder}/argocd-cm.yaml
kubectl apply -f {folder}/applications.yaml
```
"""
FLUX = """\

### Flux

Flux is 2.5 or newer. Give it a kubeconfig of each cluster, in the Secrets {names} of `{namespace}`, under the key
`value`. Then, where Flux runs:

```
kubectl apply -f {folder}/kustomizations.yaml
```
"""


def engine_sections(mesh: MeshSpec, commands: Commands, *, argo_cd: bool, flux: bool, hub: str) -> str:
    """Return the sections that are wanted."""
    names = [cluster.name for cluster in mesh.clusters if cluster.name != hub]
    registered, kubeconfigs = ", ".join(names), ", ".join(f"`{name}-kubeconfig`" for name in names)
    parts = [
        HEAD.format(certificates=commands.certificates, introduce=commands.introduce) if argo_cd or flux else "",
        ARGO_CD.format(names=registered, namespace=argo.NAMESPACE, folder=argo.FOLDER) if argo_cd else "",
        FLUX.format(names=kubeconfigs, namespace=fluxcd.NAMESPACE, folder=fluxcd.FOLDER) if flux else "",
    ]
    return "".join(parts)
