"""Programs and graphs -> Python over NumPy, which is what people read."""
