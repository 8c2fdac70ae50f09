"""Reading picture files into arrays, and writing them."""
