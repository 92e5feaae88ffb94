"""YAML -> validated -> frozen Policy."""
