"""The status report: what it makes of evidence, and how it is shown."""
