"""The sweep: Ray Tune, Optuna and one ASHA for each cell. Only this room knows them."""
