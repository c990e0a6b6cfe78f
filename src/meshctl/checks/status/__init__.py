"""The state of a whole mesh as data: built from evidence, read by every renderer, and printing nothing itself."""
