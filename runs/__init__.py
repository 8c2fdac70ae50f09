"""What all long runs share: progress, the bar, the live view."""
