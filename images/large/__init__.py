"""Large picture files, piece by piece: decoded into mapped files, and written by bands of rows."""
