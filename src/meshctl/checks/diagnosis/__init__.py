"""What is broken in a mesh: the chain of causes as a table of links, judged purely, and its first broken link."""
