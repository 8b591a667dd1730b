"""Agents that learn from numbers: pure PyTorch and NumPy, plus Stable-Baselines3 as it is. They know no game."""
