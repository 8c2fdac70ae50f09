"""What the quality of stylised pictures is measured by."""
