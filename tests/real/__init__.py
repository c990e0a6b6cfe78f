"""Real Kubernetes control planes, run as ordinary processes on the loopback interface."""
