"""The border with moving pictures: films, animations and numbered frames become arrays and back.

Needs NumPy, Pillow, PyAV and OpenCV alone, and may be copied.
"""
