//! Spiking mode networks (dynamics sections 1 and 2).
