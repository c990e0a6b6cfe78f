"""The mesh's certificate authorities: making, reading, judging and storing the `cacerts` of every cluster.

Nothing is imported here, and `cryptography` only where it is used, so that commands without certificates never load it.
"""
