"""Tests of the pure core and of the executor, with a cluster that is a dictionary."""
