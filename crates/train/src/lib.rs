//! The optimizer loop: losses, Adam, metrics, and the programs train-rate, train-spiking and eval-spiking.
