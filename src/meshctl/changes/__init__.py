"""What an install would change: the plan's objects, asked for as dry runs and compared with what is there."""
