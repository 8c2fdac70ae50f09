"""Pictures whose values are data, not colours: normals, heights, roughness; no colour profile touches them."""
