"""Tests on kind clusters, for machines with Docker (make e2e-kind)."""
