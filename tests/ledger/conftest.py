"""The ledger's tests run on both databases."""

from tests.studio.conftest import hub, hub_clock, opened, place, postgres_url  # noqa: F401  # fixtures
