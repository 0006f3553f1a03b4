"""Graph of scalars -> program: what is computed in which order."""
