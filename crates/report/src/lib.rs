//! Figures and the HTML report, drawn from artifacts alone.
