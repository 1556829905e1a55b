"""What a network computes with, as Python sees it: activations, losses, optimizers."""
