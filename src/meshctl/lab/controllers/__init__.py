"""What runs in and around a cluster: what Kubernetes, its nodes and clouds, the Sail operator and istiod do by themselves."""
