//! From rate to LIF: mapping, LIF simulation, the search for the scaling factor, and the programs lambda-search and eval-lif.
