"""Tests of the lab's controllers."""
