"""Programs -> LLVM IR."""
