"""A status report as text, as a document for programs, and as a page: readers of one value that ask nothing."""
