"""Reports: what a run's folder, or a comparison, says as one HTML page that needs nothing else."""
