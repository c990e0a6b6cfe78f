"""What is asked before anything is written: one survey of each cluster, and what it means, category by category."""
