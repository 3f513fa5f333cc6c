"""The sweep: Ray Tune, Optuna and one ASHA for each search. Only this room knows them."""
