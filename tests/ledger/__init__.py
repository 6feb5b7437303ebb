"""The ledger: what was asked, sent, paid and delivered."""
