//! The whole process through its real edges: what every suite here shares.
