"""Films: requests of more than one job. `generate` starts one, `runner` makes its jobs, `assembly` joins them."""
