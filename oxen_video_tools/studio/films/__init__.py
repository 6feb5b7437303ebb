"""Films: requests of more than one job. `film` begins and goes on with one, `shooting` makes it, `cutting` joins it."""
