"""What runs in and around a cluster: what Kubernetes, nodes, clouds, the Sail operator and istiod do by themselves."""
