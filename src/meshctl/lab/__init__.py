"""The lab: two or more embedded clusters on loopback, faithful enough to install a mesh on, faults included."""
