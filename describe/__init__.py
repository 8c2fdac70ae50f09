"""A descriptor over pictures of any size: where its positions lie, strips, recomputation, sums and moments."""
