"""The benchmarks: what we do against the straightforward way to do it, in one run.

Belongs here: one module a benchmark, the store they fill, the plain versions they compare with, and tests of these.
Does not belong here: anything that a user's data passes through.
"""
