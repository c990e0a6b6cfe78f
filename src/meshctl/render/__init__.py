"""Everything people and programs read about a run: readers of events, and the only owner of rich."""
