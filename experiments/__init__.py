"""The training loop, evaluation, checkpoints, curves and statistics."""
