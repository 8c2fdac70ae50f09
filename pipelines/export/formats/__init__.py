"""What each format of exports needs: its writer, and the forms that its runtime computes fastest."""
