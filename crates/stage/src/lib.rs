//! What every program of the pipeline shares: arguments, config loading, progress, exit codes.
