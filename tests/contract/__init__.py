"""What meshctl relies on in a Kubernetes API server, asked of the lab's and of a real one with the same tests."""
