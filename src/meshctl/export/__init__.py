"""An install plan as files: for kubectl, for kustomize, and for the engines that keep clusters like a repository."""
