def to_python(p): return ""
