"""Tests of the checks as data, and of the pure functions that make them."""
