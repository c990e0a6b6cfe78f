"""Questions asked once: what clusters are like before anything is written, and what is left when all is done."""
