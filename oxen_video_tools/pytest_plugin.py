"""`oxen_sandbox`, a pytest fixture: Oxen's HTTP API on this machine, for tests of your own agent."""
