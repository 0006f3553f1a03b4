"""Graph of arrays -> program: nests of loops, their rows and blocks, merged, unrolled, in chunks."""
