"""One file per provider; ``pipelines.registry`` names them all."""
