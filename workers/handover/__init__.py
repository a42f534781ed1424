"""From one generation to the next: what a move, a rebuild and a rollback share, the cut-over above all."""
