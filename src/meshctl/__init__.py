"""meshctl installs, verifies and removes a primary-remote, multi-network Istio mesh."""

__version__ = "0.1.0"
