"""The whole tool through its command line, on labs."""
