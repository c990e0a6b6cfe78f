"""What is claimed about speed, measured: `make bench` writes the page that says so."""
