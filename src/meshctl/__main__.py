"""Lets `python -m meshctl` be the command."""

from meshctl.cli import main

main()
