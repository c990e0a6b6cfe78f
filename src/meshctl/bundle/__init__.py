"""Support bundles: what a ticket about a mesh needs, from every cluster, without a single secret."""
