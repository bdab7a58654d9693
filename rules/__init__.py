"""Kennel's own Debugger and Profiler rules read what a training saved, and say whether it shows one known problem, and where.

They run as the rules image, as a program on a laptop, and inside no training. They know nothing of Kennel's own training:
any job whose smdebug hook or profiler wrote the files can be looked at.
"""
