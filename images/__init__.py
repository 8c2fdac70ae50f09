"""The border with the world: picture files become arrays and back."""
