"""LLVM IR -> machine code: compiled, kept, called, on several threads."""
