"""The torture test: real processes, killed and stopped at every step, on a hub that fails. What the hub charged judges.

python -m tests.torture --size small|full
"""
