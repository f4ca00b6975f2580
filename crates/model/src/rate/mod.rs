//! Rate networks (dynamics sections 3 and 4).
