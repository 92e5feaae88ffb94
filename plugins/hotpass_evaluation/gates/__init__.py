"""The gates, a file each. They read parameters, start the work in a process of its own, and judge what it
found.
"""
