"""The command line: options → spec → plan → run → exit code. The only place that exits."""

from meshctl.cli.boundary import main

__all__ = ["main"]
