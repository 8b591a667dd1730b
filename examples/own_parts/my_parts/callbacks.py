"""A callback: how long the weights of each layer are, as curves beside the usual ones."""

from dataclasses import dataclass

import numpy as np

from experiments.callbacks.callback import Callback, Evaluation, RunView


@dataclass
class Norms(Callback):
    """The Euclidean norm of each layer's weights after every evaluation; its fields are the keys of its file."""

    biases: bool = False

    def evaluation(self, run: RunView, evaluation: Evaluation) -> dict[str, float]:
        """What is returned joins the curves, and goes to every tracker."""
        return {
            f"weights/{name}": float(np.linalg.norm(array))
            for name, array in run.weights().items()
            if array.ndim > 1 or (self.biases and name.endswith("bias"))
        }
